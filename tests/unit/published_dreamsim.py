"""The published dreamsim package over some pictures: run by the Python of the box `vbench`, imports nothing of ours.

    python published_dreamsim.py FOLDER

FOLDER holds DINO's numbers (dino.pth), the zip's two towers, and pictures.pt. The package's own writer saves random
LoRA numbers there, its own loader reads all of it, and embeddings.pt is what its model says. What it would ask of
GitHub (DINO's code, which it ships a copy of) and of a head that it makes and does not use is put in their places.
"""

import sys
from pathlib import Path
from typing import Any


def main(folder: Path) -> None:
    import torch
    from dreamsim import PerceptualModel
    from dreamsim.feature_extraction.vision_transformer import vit_base
    from dreamsim.model import dreamsim, dreamsim_args
    from peft import LoraConfig, get_peft_model

    dino = torch.load(folder / "dino.pth", weights_only=True)

    def hub(place: str, name: str) -> Any:
        model = vit_base(patch_size=16)
        model.load_state_dict(dino)
        return model

    torch.hub.load = hub  # type: ignore[assignment]
    shapes = {"mlp.0": (2048, 768), "mlp.2": (2048, 2048), "mlp.4": (256, 2048)}
    head = {f"module.head.{name}.{part}": torch.zeros(shape if part == "weight" else shape[0])
            for name, shape in shapes.items() for part in ("weight", "bias")}  # fmt: skip
    head["module.head.last_layer.weight"] = torch.zeros(2048, 256)
    torch.save({"student": head}, folder / "dino_vitb16_pretrain.pth")

    bare = PerceptualModel(**dreamsim_args["model_config"]["ensemble"], device="cpu", load_dir=str(folder))
    tuned = get_peft_model(bare, LoraConfig(r=16, lora_alpha=8, lora_dropout=0.3, bias="none", target_modules=["qkv"]))
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for name, value in tuned.named_parameters():
            if "lora_" in name:
                value.normal_(std=0.03, generator=generator)
    tuned.save_pretrained(str(folder / "ensemble_lora"))

    model, _ = dreamsim(pretrained=True, device="cpu", cache_dir=str(folder))
    with torch.no_grad():
        torch.save(model.embed(torch.load(folder / "pictures.pt", weights_only=True)), folder / "embeddings.pt")
        without = dict(model.named_parameters())
        assert any("lora_B" in name and value.abs().max() > 0 for name, value in without.items()), "LoRA was not read"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
