"""Command-line options made from the settings types, where defaults and help stand once."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Union, cast, get_args, get_origin

import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ..models.environment import VGG_SETTING
from ..pipeline.core.config import GROUPS, Settings, checked, load_config
from .printable import printable

Vgg = Annotated[
    Path | None,
    typer.Option(
        envvar=VGG_SETTING, help="VGG-19 weights (.safetensors, .pth). Default: downloaded once."
    ),
]
TorchDevice = Annotated[
    str,
    typer.Option("--device", metavar="auto|cpu|cuda", help="What computes; auto: a GPU if any."),
]
Workers = Annotated[int, typer.Option(help="Processes that load photographs.", min=0)]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace the output if it exists.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print errors only.")]
JsonProgress = Annotated[
    bool, typer.Option("--json-progress", help="Progress as JSON lines on standard output.")
]
Licence = Annotated[str, typer.Option(help="Licence to write into the file.")]
Restart = Annotated[bool, typer.Option("--restart", help="Ignore an earlier checkpoint.")]
Config = Annotated[
    Path | None, typer.Option(help="Read settings from this file; config.yaml lists them all.")
]


def with_options(
    settings: type[BaseModel], hidden: Collection[str] = ()
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command one option per setting; it gets those that were typed as the dict ``typed``.

    An option that is not typed is absent, so that a file of settings can stand between the
    defaults and the command line.

    Args:
        settings: the type of the settings.
        hidden: settings that ``--help`` leaves out, because the command refuses them.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = inspect.signature(command, eval_str=True).parameters
        own_parameters = [p for name, p in own.items() if name != "typed"]
        fields = settings.model_fields
        panels = _panels(settings)
        made = [
            _parameter(name, fields[name], panels.get(name), name in hidden)
            for name in panels or fields
        ]

        def wrapper(**values: Any) -> None:
            typed = {name: _read(name, field, values.pop(name)) for name, field in fields.items()}
            command(**values, typed={k: v for k, v in typed.items() if v is not None})

        wrapper.__signature__ = inspect.Signature([*own_parameters, *made])  # pyright: ignore[reportFunctionMemberAccess]
        wrapper.__annotations__ = {p.name: p.annotation for p in [*own_parameters, *made]}
        wrapper.__doc__ = command.__doc__
        wrapper.__name__ = command.__name__
        return wrapper

    return decorate


def read_settings(
    config: Path | None,
    typed: dict[str, Any],
    defaults: dict[str, Any] | None = None,
    preset: str | None = None,
) -> Settings:
    """Defaults, then a preset, then a file of settings, then what was typed.

    As typed count (``model_fields_set``): all that is on the command line, and all in the file that
    is not at its default, so that a copy of ``config.yaml`` can be edited. What a preset sets does
    not: where it does not apply, it is passed over.

    Args:
        config: the file of settings; or a film or PNG that has them in its metadata.
        typed: setting → value, from the command line.
        defaults: the command's own defaults.
        preset: a name or a file.

    Raises:
        SettingsError: an unknown setting or a wrong value, named; or there is no such preset.
    """
    from_file = _settings_from(config) if config is not None else {}
    for name in from_file.keys() & typed.keys():
        if isinstance(from_file[name], dict) and isinstance(typed[name], dict):  # options add up
            typed[name] = {**from_file[name], **typed[name]}
    default, in_file = Settings.model_validate({}), checked(Settings, from_file, "")
    own = {n: v for n, v in from_file.items() if getattr(in_file, n) != getattr(default, n)}
    look = _look(preset) if preset is not None else {}
    values = {**(defaults or {}), **from_file, **look, **own, **typed}
    settings = checked(Settings, values, "")
    return settings.model_construct(_fields_set={*own, *typed}, **dict(settings))


def _settings_from(path: Path) -> dict[str, Any]:
    """The settings in a YAML file, or in a film's or picture's metadata; checked."""
    from ..pipeline.media.settings_tag import TAGGED_SUFFIXES, settings_in

    if path.suffix.lower() not in TAGGED_SUFFIXES:
        return load_config(path)
    values = settings_in(path)
    checked(Settings, values, str(path))
    return values


def _look(preset: str) -> Mapping[str, Any]:
    from ..pipeline.core.presets import find_preset

    return find_preset(preset).values


def _panels(settings: type[BaseModel]) -> dict[str, str]:
    """Setting → title of its panel in ``--help``, in that order; empty where there are none."""
    if settings is not Settings:
        return {}
    return {name: title for title, group in GROUPS for name in group.model_fields}


def _parameter(name: str, field: FieldInfo, panel: str | None, hidden: bool) -> inspect.Parameter:
    flag = _flag(name)
    kind = field.annotation
    plain = field.default in (None, {}, (), False)
    default = "" if plain else f" Default: {_text(field.default)}."
    option = typer.Option(
        f"{flag}/--no-{flag[2:]}" if kind is bool else flag,
        help=f"{field.description}{default}",
        show_default=False,
        metavar=_metavar(field),
        rich_help_panel=panel,
        hidden=hidden,
    )
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[_command_type(kind) | None, option],
    )


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _command_type(kind: Any) -> Any:
    """The type that the command line parses: mappings and tuples are repeatable text."""
    if get_origin(kind) in (dict, tuple):
        return list[str]
    if get_origin(kind) in (Union, types.UnionType):
        return next(_command_type(part) for part in get_args(kind) if part is not type(None))
    return kind if kind in (int, float, bool) else str


def _metavar(field: FieldInfo) -> str | None:
    kind, extra = field.annotation, field.json_schema_extra
    if isinstance(extra, dict):
        return str(extra["metavar"])
    if get_origin(kind) is dict:
        return "KEY=VALUE"
    return "|".join(map(str, get_args(kind))) if get_origin(kind) is Literal else None


def _text(default: Any) -> str:
    if isinstance(default, dict):
        return " ".join(f"{key}={value}" for key, value in cast("dict[str, Any]", default).items())
    return " ".join(default) if isinstance(default, tuple) else str(default)


def _read(name: str, field: FieldInfo, value: Any) -> Any:
    if not value or get_origin(field.annotation) is not dict:
        return None if value == [] else value
    for item in value:
        if "=" not in item:
            shown = printable(item)
            raise typer.BadParameter(f"'{shown}' is not KEY=VALUE", param_hint=_flag(name))
    return dict(item.split("=", 1) for item in value)
