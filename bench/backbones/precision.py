"""Which numbers a machine multiplies fast."""

import torch


def has_fast_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 is the faster one there: on GPUs that have it, and on CPUs with AVX-512.

    On other CPUs PyTorch has only plain loops for it: with AVX2, 0.9 GFLOP/s where float32 has 70.
    """
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return device.type == "cpu" and torch.backends.cpu.get_cpu_capability().startswith("AVX512")
