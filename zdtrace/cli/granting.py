"""`zdtrace rbac`: the rights that a recording needs, as objects to apply."""

from __future__ import annotations

import re
import sys
from typing import Annotated

import typer

from zdtrace.errors import UsageError

_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")


def rbac(
    namespace: Annotated[str | None, typer.Option(
        "--namespace", "-n", metavar="NS", help="Namespace to record; the context's when not said.",
    )] = None,
    all_namespaces: Annotated[bool, typer.Option(
        "--all-namespaces", "-A", help="Record every namespace.",
    )] = False,
    ingress: Annotated[list[str] | None, typer.Option(
        metavar="NS", help="Where an ingress controller runs whose logs are followed. May be repeated.",
    )] = None,
    config_map: Annotated[list[str] | None, typer.Option(
        "--configmap", metavar="NAME", help="What holds the controller's settings; usual names when not said.",
    )] = None,
    node_settings: Annotated[bool, typer.Option(
        "--node-settings", help="Also get of nodes/proxy, to read kubelets' settings; it allows much more than that.",
    )] = False,
    chaos: Annotated[bool, typer.Option(
        "--chaos", help="Also what experiments take: ending pods, rollouts, scaling, cordoning nodes.",
    )] = False,
    prove: Annotated[bool, typer.Option(
        "--prove", help="Also what a proof takes: rollouts of workloads, and changing them.",
    )] = False,
    in_copy: Annotated[list[str] | None, typer.Option(
        metavar="NAME", help="Also what `prove --in-copy` takes: to copy what is called so, and to change and remove "
        "the copy alone. A name each of the Deployment, its Services and Ingresses.",
    )] = None,
    service_account: Annotated[str | None, typer.Option(
        metavar="[NS/]NAME", help="Who gets them; made if it is not there. By default `zdtrace` in the namespace.",
    )] = None,
    user: Annotated[str | None, typer.Option(metavar="NAME", help="Give them to a user instead.")] = None,
    group: Annotated[str | None, typer.Option(metavar="NAME", help="Give them to a group instead.")] = None,
    name: Annotated[str | None, typer.Option(
        metavar="NAME", help="What the roles and bindings are called; zdtrace-NS when not said.",
    )] = None,
    kubeconfig: Annotated[str | None, typer.Option(metavar="FILE", help="As kubectl's.")] = None,
    context: Annotated[str | None, typer.Option(metavar="NAME", help="As kubectl's.")] = None,
) -> None:
    """Print the least rights that recording needs, as Roles and bindings for `kubectl apply -f -`. Asks no cluster.

    They are made from the same table as the recorder's sources: with exactly these, everything is recorded; each that
    is missing costs its source, one warning and a gap. Nothing in them can change anything, unless --chaos, --prove or
    --in-copy is given.

    Exit code 0; 2 when used wrongly.

    Example: zdtrace rbac -n shop --ingress ingress-nginx
    """
    import yaml

    from zdtrace.collectors import rights
    from zdtrace.proving.copying import renamed

    if all_namespaces and namespace:
        raise UsageError("-A and -n do not go together", hint="leave one of them out")
    if sum(each is not None for each in (service_account, user, group)) > 1:
        raise UsageError("only one of --service-account, --user and --group can get them", hint="leave the others out")
    home = _named(namespace or _namespace_of(kubeconfig, context), "--namespace")
    reach = rights.Reach(
        namespace=None if all_namespaces else home,
        ingresses=tuple(_named(each.partition("/")[0], "--ingress") for each in ingress or ()),
        config_maps=tuple(_named(each, "--configmap") for each in config_map or ()) or rights.CONTROLLER_CONFIG_MAPS,
        has_node_settings=node_settings,
    )
    copies = [renamed(_named(each, "--in-copy")) for each in in_copy or ()]
    wanted = [
        *rights.of_recording(reach),
        *(rights.of_experiments(reach.namespace, reach.ingresses) if chaos else ()),
        *(rights.of_proofs(reach.namespace) if prove else ()),
        *(rights.of_copies(reach.namespace, copies) if copies else ()),
    ]
    objects: list[dict[str, object]] = []
    if user or group:
        kind = "User" if user else "Group"
        subject = {"kind": kind, "name": str(user or group), "apiGroup": "rbac.authorization.k8s.io"}
    else:
        first, _, last = (service_account or "zdtrace").rpartition("/")
        where = {"name": _named(last, "--service-account"), "namespace": _named(first or home, "--service-account")}
        subject = {"kind": "ServiceAccount", **where}
        objects = [{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": where}]
    # Whoever records two namespaces applies two sets: one must not replace the other's bindings.
    called = name or ("zdtrace" if all_namespaces else f"zdtrace-{home}")
    objects += rights.manifests(wanted, subject, _named(called, "--name"))
    sys.stdout.write(yaml.safe_dump_all(objects, sort_keys=False, width=1000))


def _named(text: str, option: str) -> str:
    if not _NAME.fullmatch(text):
        raise UsageError(f"`{option} {text}` is no name of an object", hint="letters a to z, digits, `-` and `.`")
    return text


def _namespace_of(kubeconfig: str | None, context: str | None) -> str:
    from zdtrace.collectors.api import Access, namespace_of

    return namespace_of(Access(kubeconfig=kubeconfig, context=context))
