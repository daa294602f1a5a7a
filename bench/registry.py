"""One grammar names every plug-in, and nothing is imported until it is used.

    name                    built in, or an entry point of group `keepframe.<kind>`
    package.module:Attr     anything importable
    ./file.py:Attr          a file of your own
    hub:org/name@revision   a model hub, pinned to a revision

`resolve` gives the object, `bind` checks and completes its arguments, and `code_digest` says which code
it is: change a line of your file and its memories are made anew.
"""

import ast
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Mapping
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from bench.digest import digest_bytes, key
from bench.errors import KeepframeError, UnavailableError, UsageError, did_you_mean

BUILT_IN: dict[str, dict[str, str]] = {
    "memory": {
        "constant": "bench.memories.constant:ConstantColour",
        "mean-frame": "bench.memories.mean_frame:MeanFrame",
        "last-frame": "bench.memories.last_frame:LastFrame",
        "keyframes": "bench.memories.keyframes:Keyframes",
        "thumbnails": "bench.memories.thumbnails:Thumbnails",
        "codec": "bench.memories.codec:Codec",
        "shuffled": "bench.memories.shuffled:Shuffled",
        "withheld": "bench.memories.withheld:Withheld",
        "latents": "bench.memories.latents:Latents",
        "history": "bench.memories.tiny_history:TinyHistory",
    },
    "generator": {
        "readout": "bench.generation.readout:ReadOut",
        "reference": "bench.generation.reference:Reference",
    },
    "suite": {"retrieval": "suites.retrieval.suite:Retrieval"},
    "metric": {
        "psnr": "suites.metrics.psnr:Psnr",
        "ssim": "suites.metrics.ssim:Ssim",
        "ms_ssim": "suites.metrics.ssim:MsSsim",
        "vmaf": "suites.metrics.vmaf:Vmaf",
        "lpips_alex": "suites.metrics.lpips:LpipsAlex",
        "lpips_vgg": "suites.metrics.lpips:LpipsVgg",
    },
    # scores of a whole video without a reference: `keepframe score`
    "video-metric": {
        "subject_consistency": "suites.vbench.consistency:SubjectConsistency",
        "background_consistency": "suites.vbench.consistency:BackgroundConsistency",
        "aesthetic_quality": "suites.vbench.aesthetic:AestheticQuality",
        "appearance_style": "suites.vbench.style:AppearanceStyle",
        "overall_consistency": "suites.viclip.alignment:OverallConsistency",
        "temporal_style": "suites.viclip.alignment:TemporalStyle",
        "segment_consistency": "suites.viclip.alignment:SegmentConsistency",
        "temporal_flickering": "suites.vbench.flickering:TemporalFlickering",
        "subject_consistency_long": "suites.vbench.long:SubjectConsistencyLong",
        "background_consistency_long": "suites.vbench.long:BackgroundConsistencyLong",
        "temporal_flickering_long": "suites.vbench.long:TemporalFlickeringLong",
        "aesthetic_quality_long": "suites.vbench.long:AestheticQualityLong",
        "overall_consistency_long": "suites.vbench.long:OverallConsistencyLong",
        "subject_consistency_clip_to_clip": "suites.vbench.long_fused:SubjectClipToClip",
        "background_consistency_clip_to_clip": "suites.vbench.long_fused:BackgroundClipToClip",
        "subject_consistency_fused": "suites.vbench.long_fused:SubjectFused",
        "background_consistency_fused": "suites.vbench.long_fused:BackgroundFused",
        "dynamic_degree": "suites.dynamics.degree:DynamicDegree",
        "flow_speed": "suites.dynamics.degree:FlowSpeed",
        "static_filter": "suites.dynamics.degree:StaticFilter",
        "drift_brightness": "suites.consistency.drift:BrightnessDrift",
        "drift_contrast": "suites.consistency.drift:ContrastDrift",
        "drift_colour": "suites.consistency.drift:ColourDrift",
        "drift_sharpness": "suites.consistency.drift:SharpnessDrift",
        "drift_flickering": "suites.consistency.drift:FlickeringDrift",
        "drift_motion": "suites.consistency.drift:MotionDrift",
        "drift_subject": "suites.consistency.drift:SubjectDrift",
        "drift_background": "suites.consistency.drift:BackgroundDrift",
        "drift_aesthetic": "suites.consistency.drift:AestheticDrift",
        "drift_imaging": "suites.consistency.drift:ImagingDrift",
        "window_similarity": "suites.viclip.alignment:WindowSimilarity",
        "far_subject_similarity": "suites.consistency.distance:FarSubjectSimilarity",
        "far_colour_similarity": "suites.consistency.distance:FarColourSimilarity",
        "character_return": "suites.consistency.returns:CharacterReturn",
        "place_return": "suites.consistency.returns:PlaceReturn",
        "judged_character": "suites.consistency.questionnaire:JudgedCharacter",
        "judged_scene": "suites.consistency.questionnaire:JudgedScene",
        "judged_object": "suites.consistency.questionnaire:JudgedObject",
        "judged_clothing": "suites.consistency.questionnaire:JudgedClothing",
        "motion_smoothness": "suites.vbench.smoothness:MotionSmoothness",
        "imaging_quality": "suites.vbench.imaging:ImagingQuality",
        "face_identity": "suites.consistency.identity:FaceIdentity",
        # the published package, in an environment of its own: `keepframe isolate vbench`
        "official_temporal_flickering": "runners.official:OfficialFlickering",
        "official_subject_consistency": "runners.official:OfficialSubject",
        "official_background_consistency": "runners.official:OfficialBackground",
        "official_motion_smoothness": "runners.official:OfficialSmoothness",
        "official_dynamic_degree": "runners.official:OfficialDynamic",
        "official_aesthetic_quality": "runners.official:OfficialAesthetic",
        "official_imaging_quality": "runners.official:OfficialImaging",
        "official_object_class": "runners.official:OfficialObject",
        "official_multiple_objects": "runners.official:OfficialObjects",
        "official_color": "runners.official:OfficialColor",
        "official_spatial_relationship": "runners.official:OfficialSpatial",
        "official_human_action": "runners.official:OfficialAction",
        "official_scene": "runners.official:OfficialScene",
        "official_appearance_style": "runners.official:OfficialStyle",
        "official_temporal_style": "runners.official:OfficialTemporalStyle",
        "official_overall_consistency": "runners.official:OfficialOverall",
        "vbench2_camera_motion": "suites.vbench2.tracks:CameraMotion",
        "vbench2_complex_landscape": "suites.vbench2.stories:ComplexLandscape",
        "vbench2_complex_plot": "suites.vbench2.stories:ComplexPlot",
        "vbench2_composition": "suites.vbench2.yes_no:Composition",
        "vbench2_diversity": "suites.vbench2.diversity:Diversity",
        "vbench2_dynamic_attribute": "suites.vbench2.yes_no:DynamicAttribute",
        "vbench2_dynamic_spatial_relationship": "suites.vbench2.yes_no:DynamicSpatialRelationship",
        "vbench2_human_anatomy": "suites.vbench2.anatomy:HumanAnatomy",
        "vbench2_human_clothes": "suites.vbench2.yes_no:HumanClothes",
        "vbench2_human_identity": "suites.consistency.identity:HumanIdentity",
        "vbench2_human_interaction": "suites.vbench2.stories:HumanInteraction",
        "vbench2_instance_preservation": "suites.vbench2.instances:InstancePreservation",
        "vbench2_material": "suites.vbench2.yes_no:Material",
        "vbench2_mechanics": "suites.vbench2.yes_no:Mechanics",
        "vbench2_motion_order_understanding": "suites.vbench2.stories:MotionOrderUnderstanding",
        "vbench2_motion_rationality": "suites.vbench2.yes_no:MotionRationality",
        "vbench2_multi_view_consistency": "suites.vbench2.tracks:MultiViewConsistency",
        "vbench2_thermotics": "suites.vbench2.yes_no:Thermotics",
    },
}


def names(kind: str) -> dict[str, str]:
    """Every plug-in of a kind that can be named: built-in ones and installed entry points."""
    installed = {point.name: point.value for point in entry_points(group=f"keepframe.{kind}")}
    return installed | BUILT_IN[kind]  # a built-in name cannot be taken over


def resolve(kind: str, ref: str) -> Any:
    """The object that `ref` names.

    Raises UsageError for a name, module, file or attribute that does not exist, with the nearest name.

    >>> resolve("memory", "constant").__name__
    'ConstantColour'
    """
    if ref.startswith("hub:"):
        raise UnavailableError(
            f"{ref}: no plug-in of kind {kind!r} can be loaded from a hub yet.",
            "Download the file and name it as ./file.py:Attr.",
        )
    place, colon, attribute = ref.rpartition(":")
    if not colon:
        target = names(kind).get(ref)
        if target is None:
            raise UsageError(f"Unknown {kind} {ref!r}.", did_you_mean(ref, names(kind)))
        place, _, attribute = target.rpartition(":")
    module = _load_file(place) if place.endswith(".py") else _import(place, ref)
    if not hasattr(module, attribute):
        public = [name for name in vars(module) if not name.startswith("_")]
        raise UsageError(f"{place} has no {attribute!r} (from {ref!r}).", did_you_mean(attribute, public))
    return getattr(module, attribute)


def made(kind: str, ref: str) -> Any:
    """What `ref` names, called without arguments.

    Raises UsageError when it cannot be called so, or what it raises when the user can mend that.
    """
    make = resolve(kind, ref)
    try:
        return make()
    except KeepframeError:
        raise
    except Exception as error:
        raise UsageError(
            f"{ref} cannot be made: {type(error).__name__}: {error}", "It is called without arguments; see the error."
        ) from error


def absolute(ref: str, folder: Path) -> str:
    """`./file.py:Attr` relative to the spec's folder, made independent of where the command is run."""
    place, colon, attribute = ref.rpartition(":")
    if colon and place.endswith(".py"):
        return f"{(folder / place).resolve()}:{attribute}"
    return ref


def bind(target: Callable[..., Any], args: Mapping[str, Any]) -> dict[str, Any]:
    """`args` checked against the parameters of `target`, converted to their types, defaults filled in.

    The result is what a key is made of, so `every_s=2` and `every_s=2.0` and a default of 2.0 are one thing.
    """
    from pydantic import TypeAdapter, ValidationError

    what = getattr(target, "__name__", str(target))
    parameters = inspect.signature(target, eval_str=True).parameters
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return dict(args)
    for name in args:
        if name not in parameters:
            raise UsageError(f"{what} has no argument {name!r}.", did_you_mean(name, parameters))
    bound: dict[str, Any] = {}
    for name, parameter in parameters.items():
        if name not in args:
            if parameter.default is parameter.empty:
                raise UsageError(f"{what} needs the argument {name!r}.", f"Add it to args: {name} = …")
            bound[name] = parameter.default
        elif parameter.annotation is parameter.empty:
            bound[name] = args[name]
        else:
            try:
                bound[name] = TypeAdapter(parameter.annotation).validate_python(args[name])
            except ValidationError as error:
                reason = error.errors()[0]["msg"]
                raise UsageError(
                    f"{what}: {name} = {args[name]!r} is wrong: {reason}.", "Mend it in the spec."
                ) from error
    return bound


def code_digest(target: Any) -> str:
    """Which code this is: the source of its module and of every module of the same package it imports.

    The vocabulary (types, errors, digest, …) is left out: it carries no behaviour of a memory.
    """
    module = inspect.getmodule(target)
    if module is None or module.__file__ is None:
        raise UsageError(f"{target!r} has no source file, so its results cannot be addressed.", "Define it in a file.")
    return _module_digest(module.__name__)


VOCABULARY = {"types", "protocols", "errors", "digest", "registry", "spec", "store", "provenance"}


@cache
def _module_digest(name: str) -> str:
    root = name.split(".")[0]
    sources: dict[str, str] = {}
    todo = [name]
    while todo:
        current = todo.pop()
        module = importlib.import_module(current)
        if current in sources or not module.__file__:
            continue
        source = Path(module.__file__).read_bytes()
        sources[current] = digest_bytes(source)
        todo += [found for found in _imports(source, root) if found.removeprefix(f"{root}.") not in VOCABULARY]
    return key("code", root=sources.pop(name), imports=sorted(sources.items()))


def _imports(source: bytes, root: str) -> set[str]:
    """Modules under `root` that this source imports anywhere."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == root:
            for alias in node.names:
                submodule = f"{node.module}.{alias.name}"
                found.add(submodule if _is_module(submodule) else node.module)
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.split(".")[0] == root}
    return found


def _is_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def _import(place: str, ref: str) -> ModuleType:
    try:
        return importlib.import_module(place)
    except ModuleNotFoundError as error:
        if error.name and (place == error.name or place.startswith(f"{error.name}.")):
            raise UsageError(f"{ref!r} names no importable module {error.name!r}.", "Check the spelling.") from error
        raise UnavailableError(f"{ref} needs the package {error.name!r}.", f"pip install {error.name}") from error


def _load_file(place: str) -> ModuleType:
    path = Path(place).resolve()
    if not path.is_file():
        raise UsageError(f"There is no file {path}.", "Paths in a spec are relative to the spec's folder.")
    # one name per path, so that two files called mine.py do not shadow each other
    name = f"keepframe_plugin_{digest_bytes(str(path).encode())[:12]}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec and spec.loader, path
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        try:
            spec.loader.exec_module(module)
        except BaseException as error:
            del sys.modules[name]
            if isinstance(error, Exception):
                raise UsageError(
                    f"{path} does not import: {type(error).__name__}: {error}", f"python {path}"
                ) from error
            raise
    return sys.modules[name]
