"""The published weights that learned metrics need: what each file is called, where it is published, and who needs it.

Data alone; `bench.weights` says what of it is on this machine, `bench.weights_fetch` brings it there.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class WeightFile:
    """One published file."""

    name: str  # what the user types
    filename: str
    url: str
    size_bytes: int
    sha256: str | None  # hex: whole, or the first digits, where those are all that is published; None: unknown
    licence: str
    non_commercial: bool
    needed_by: tuple[str, ...]  # metric names
    exact_size: bool = True  # False: nobody publishes it, and `size_bytes` only tells how long a download takes


_TORCHVISION_LICENCE = "BSD-3-Clause (torchvision); trained on ImageNet"

_DINO_CODE = "https://raw.githubusercontent.com/facebookresearch/dino/7c446df5b9f45747937fb0d72314eb9f7b66930a"

CATALOGUE = (
    WeightFile(
        name="alexnet",
        filename="alexnet-owt-7be5be79.pth",
        url="https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
        size_bytes=244_408_911,
        sha256="7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
        licence=_TORCHVISION_LICENCE,
        non_commercial=False,
        needed_by=("lpips_alex",),
    ),
    WeightFile(
        name="vgg16",
        filename="vgg16-397923af.pth",
        url="https://download.pytorch.org/models/vgg16-397923af.pth",
        size_bytes=553_433_881,
        sha256="397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
        licence=_TORCHVISION_LICENCE,
        non_commercial=False,
        needed_by=("lpips_vgg",),
    ),
    WeightFile(
        name="raft",
        filename="raft_large_C_T_V1-22a6c225.pth",
        url="https://download.pytorch.org/models/raft_large_C_T_V1-22a6c225.pth",
        size_bytes=21_106_000,
        sha256="22a6c225",
        licence="BSD-3-Clause (RAFT, torchvision); trained on FlyingChairs and FlyingThings3D",
        non_commercial=False,
        needed_by=("dynamic_degree", "flow_speed", "static_filter", "drift_motion"),
        exact_size=False,
    ),
    WeightFile(
        name="dino-vitb16",
        filename="dino_vitbase16_pretrain.pth",
        url="https://dl.fbaipublicfiles.com/dino/dino_vitbase16_pretrain/dino_vitbase16_pretrain.pth",
        size_bytes=343_200_000,
        sha256=None,
        licence="Apache-2.0",
        non_commercial=False,
        needed_by=("subject_consistency", "far_subject_similarity", "drift_subject"),
        exact_size=False,
    ),
    WeightFile(
        name="clip-b32",
        filename="ViT-B-32.pt",
        url="https://openaipublic.azureedge.net/clip/models/40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af/ViT-B-32.pt",
        size_bytes=353_900_000,
        sha256="40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af",
        licence="MIT",
        non_commercial=False,
        needed_by=("background_consistency", "appearance_style", "drift_background"),
        exact_size=False,
    ),
    WeightFile(
        name="clip-l14",
        filename="ViT-L-14.pt",
        url="https://openaipublic.azureedge.net/clip/models/b8cca3fd41ae0c99ba7e8951adf17d267cdb84cd88be6f7c2e0eca1737a03836/ViT-L-14.pt",
        size_bytes=932_700_000,
        sha256="b8cca3fd41ae0c99ba7e8951adf17d267cdb84cd88be6f7c2e0eca1737a03836",
        licence="MIT",
        non_commercial=False,
        needed_by=("aesthetic_quality", "drift_aesthetic"),
        exact_size=False,
    ),
    WeightFile(
        name="laion-aesthetic",
        filename="sa_0_4_vit_l_14_linear.pth",
        url="https://raw.githubusercontent.com/LAION-AI/aesthetic-predictor/main/sa_0_4_vit_l_14_linear.pth",
        size_bytes=3_076,  # its 769 numbers; the container adds some
        sha256=None,
        licence="MIT",
        non_commercial=False,
        needed_by=("aesthetic_quality", "drift_aesthetic"),
        exact_size=False,
    ),
    WeightFile(
        name="viclip-l14",
        filename="ViClip-InternVid-10M-FLT.pth",
        url="https://huggingface.co/OpenGVLab/VBench_Used_Models/resolve/main/ViClip-InternVid-10M-FLT.pth",
        size_bytes=1_710_000_000,
        sha256=None,
        licence="CC-BY-NC-SA-4.0 (ViCLIP, as its other published copies say)",
        non_commercial=True,
        needed_by=("overall_consistency", "temporal_style", "segment_consistency", "window_similarity"),
        exact_size=False,
    ),
    WeightFile(
        name="musiq-spaq",
        filename="musiq_spaq_ckpt-358bb6af.pth",
        url="https://github.com/chaofengc/IQA-PyTorch/releases/download/v0.1-weights/musiq_spaq_ckpt-358bb6af.pth",
        size_bytes=109_000_000,
        sha256="358bb6af",
        licence="CC-BY-NC-SA-4.0, PolyForm-Noncommercial-1.0.0 (pyiqa)",
        non_commercial=True,
        needed_by=("imaging_quality", "drift_imaging"),
        exact_size=False,
    ),
    WeightFile(
        name="vgg19",
        filename="vgg19-dcbb9e9d.pth",
        url="https://download.pytorch.org/models/vgg19-dcbb9e9d.pth",
        size_bytes=574_673_361,
        sha256="dcbb9e9d",
        licence=_TORCHVISION_LICENCE,
        non_commercial=False,
        needed_by=("vbench2_diversity",),
        exact_size=False,
    ),
    WeightFile(
        name="amt-s",
        filename="amt-s.pth",
        url="https://huggingface.co/lalala125/AMT/resolve/main/amt-s.pth",
        size_bytes=12_000_000,
        sha256=None,
        licence="CC-BY-NC-4.0 (AMT)",
        non_commercial=True,
        needed_by=("motion_smoothness by runners.amt:Amt", "official_motion_smoothness"),
        exact_size=False,
    ),
    WeightFile(
        name="dinov2-vitb14",
        filename="dinov2_vitb14_pretrain.pth",
        url="https://dl.fbaipublicfiles.com/dinov2/dinov2_vitb14/dinov2_vitb14_pretrain.pth",
        size_bytes=346_378_731,
        # not said by its publisher: what many who downloaded it wrote down, all the same
        sha256="0b8b82f85de91b424aded121c7e1dcc2b7bc6d0adeea651bf73a13307fad8c73",
        licence="Apache-2.0",
        non_commercial=False,
        needed_by=("subject_consistency_clip_to_clip", "subject_consistency_fused"),
    ),
    WeightFile(
        name="dreamsim",
        filename="dreamsim_ensemble_checkpoint.zip",
        url="https://github.com/ssundaram21/dreamsim/releases/download/v0.2.0-checkpoints/dreamsim_ensemble_checkpoint.zip",
        size_bytes=1_261_181_618,  # as somebody who downloads it in parts writes
        sha256=None,
        licence="MIT",
        non_commercial=False,
        needed_by=("background_consistency_clip_to_clip", "background_consistency_fused"),
        exact_size=False,
    ),
    # of models that the user brings (suites/features/plugins.py)
    WeightFile(
        name="cotracker2",
        filename="cotracker2.pth",
        url="https://huggingface.co/facebook/cotracker/resolve/main/cotracker2.pth",
        size_bytes=204_396_415,
        sha256="362f5274376d610dc987b6daf2c2fefe63e06e1835f4ec1a10d0a15c5a4eef4f",
        licence="CC-BY-NC-4.0 (CoTracker)",
        non_commercial=True,
        needed_by=("vbench2_camera_motion, vbench2_multi_view_consistency by your own --model tracker=…",),
    ),
    WeightFile(
        name="arcface-resnet18",
        filename="resnet18_110.pth",
        url="https://drive.google.com/uc?export=download&id=1m387vGTQ4GW4I4PQfBsCC-Y9aEp6zjvy",
        size_bytes=102_563_348,  # its numbers; the container adds some
        sha256=None,
        licence="none is stated (arcface-pytorch, as VBench-2.0 uses it)",
        non_commercial=True,
        needed_by=("face_identity, vbench2_human_identity by your own --model face=…",),
        exact_size=False,
    ),
    # of the published vbench package only: what Keepframe does not compute itself, and DINO's code, which it imports
    WeightFile(
        name="umt-l16",
        filename="l16_ptk710_ftk710_ftk400_f16_res224.pth",
        url="https://huggingface.co/OpenGVLab/VBench_Used_Models/resolve/main/l16_ptk710_ftk710_ftk400_f16_res224.pth",
        size_bytes=1_220_000_000,
        sha256=None,
        licence="MIT (UMT)",
        non_commercial=False,
        needed_by=("official_human_action",),
        exact_size=False,
    ),
    WeightFile(
        name="tag2text",
        filename="tag2text_swin_14m.pth",
        url="https://huggingface.co/spaces/xinyu1205/recognize-anything/resolve/main/tag2text_swin_14m.pth",
        size_bytes=4_480_000_000,
        sha256=None,
        licence="Apache-2.0 (Tag2Text)",
        non_commercial=False,
        needed_by=("official_scene",),
        exact_size=False,
    ),
    WeightFile(
        name="grit",
        filename="grit_b_densecap_objectdet.pth",
        url="https://huggingface.co/OpenGVLab/VBench_Used_Models/resolve/main/grit_b_densecap_objectdet.pth",
        size_bytes=835_000_000,
        sha256=None,
        licence="MIT (GRiT)",
        non_commercial=False,
        needed_by=(
            "official_object_class",
            "official_multiple_objects",
            "official_color",
            "official_spatial_relationship",
        ),
        exact_size=False,
    ),
    WeightFile(
        name="bert-words",
        filename="bert-base-uncased-vocab.txt",
        url="https://huggingface.co/google-bert/bert-base-uncased/resolve/main/vocab.txt",
        size_bytes=231_508,
        sha256=None,
        licence="Apache-2.0 (BERT)",
        non_commercial=False,
        needed_by=("official_scene", "official_object_class"),
    ),
    WeightFile(
        name="dino-hubconf",
        filename="dino_hubconf.py",
        url=f"{_DINO_CODE}/hubconf.py",
        size_bytes=5_653,
        sha256="fa80babf82c71d2123e23b05061eb1991a1fbc9877238f250b2a25023e910f72",
        licence="Apache-2.0 (DINO)",
        non_commercial=False,
        needed_by=("official_subject_consistency",),
    ),
    WeightFile(
        name="dino-transformer",
        filename="dino_vision_transformer.py",
        url=f"{_DINO_CODE}/vision_transformer.py",
        size_bytes=11_150,
        sha256="b1f998d5f49ab43666b9fc6d007c5f6540c3ead2e8645e144f74045f63ff44d7",
        licence="Apache-2.0 (DINO)",
        non_commercial=False,
        needed_by=("official_subject_consistency",),
    ),
    WeightFile(
        name="dino-utils",
        filename="dino_utils.py",
        url=f"{_DINO_CODE}/utils.py",
        size_bytes=28_039,
        sha256="962a97e1acda1c986dfd921275325e4083f9016dddadcf018f1ccf03fa600eab",
        licence="Apache-2.0 (DINO)",
        non_commercial=False,
        needed_by=("official_subject_consistency",),
    ),
    # no weights, but fetched and checked in the same way: what the benchmarks' videos are asked to show
    WeightFile(
        name="vbench-prompts",
        filename="VBench_full_info.json",
        url="https://raw.githubusercontent.com/Vchitect/VBench/45e79ec14e69a2187202c675d2dbce1a71843d53/vbench/VBench_full_info.json",
        size_bytes=228_118,
        sha256="5dd2de80ee43cda750b2b72ea7023657c0b90d3702041c7e4608c65dbe50dccd",
        licence="Apache-2.0 (VBench)",
        non_commercial=False,
        needed_by=("--prompts vbench-prompts",),
    ),
    WeightFile(
        name="vbench2-prompts",
        filename="VBench2_full_info.json",
        url="https://raw.githubusercontent.com/Vchitect/VBench/45e79ec14e69a2187202c675d2dbce1a71843d53/VBench-2.0/vbench2/VBench2_full_info.json",
        size_bytes=433_363,
        sha256="115e54e02ffbeee118ffe598fb497e9a4e40232a4ac4e0a3fd4e33867590a272",
        licence="Apache-2.0 (VBench)",
        non_commercial=False,
        needed_by=("--prompts vbench2-prompts",),
    ),
)
