"""Takes from an image's environment what nothing in it reads, and compiles what its program loads.

    python slim.py ENVIRONMENT MODULE...

Libraries ship their own tests, web pages, headers, and the description of every AWS service. Bytecode of everything
would be as large as the code, and most of that is never loaded: importing what is used makes just that.
"""

import importlib
import pkgutil
import shutil
import sys
from pathlib import Path

LEFT_OUT = (
    # Their own tests. Evidently's `tests` are part of what it does.
    *(f"{library}/**/tests" for library in ("numpy", "pandas", "pyarrow", "scipy", "sklearn")),
    # Pages and notebooks for a browser: figures are read from what the libraries return.
    "evidently/**/assets",
    "evidently/**/*.ipynb",
    "evidently/nbextension",
    "feast/ui/build",
    "great_expectations/render/view/static",
    "plotly/labextension",
    "plotly/package_data/*.js",
    # For graphics cards, which the loop's nodes have not.
    "implicit/gpu/*.so",
    # For compiling against it, and a protocol between servers that nothing here speaks.
    "pyarrow/include",
    "pyarrow/*flight*",
)
"""Patterns below site-packages."""
OWN = ("pipelines", "recommender")
AWS = (
    *("cloudwatch", "dynamodb", "kinesis", "s3", "sagemaker-featurestore-runtime", "secretsmanager"),
    *("sts", "sso", "sso-oidc"),
)
"""Services of AWS that are called, or that credentials come from. The rest of botocore's descriptions goes."""


def main(environment: Path, modules: list[str]) -> None:
    prune(environment)
    for name in modules:
        for passed_over in load(name):
            sys.stdout.write(f"slim: {passed_over} leans on what this image was built without\n")


def prune(environment: Path) -> None:
    """Delete what is left out; what an image does not have is fine."""
    (site,) = environment.glob("lib/python*/site-packages")
    # Extensions for notebooks, and pages once more.
    for name in ("etc", "evidently", "share"):
        _delete(environment / name)
    for pattern in LEFT_OUT:
        for path in list(site.glob(pattern)):
            _delete(path)
    for path in (site / "botocore" / "data").iterdir():
        if path.is_dir() and path.name not in AWS:
            _delete(path)


def load(name: str) -> list[str]:
    """Import a module, and all below it where it is a package of this project: Python keeps their bytecode.

    Returns:
        Modules that want a package which is not here, as clients of streams that this image does not read.
    """
    module = importlib.import_module(name)
    passed_over = []
    for found in pkgutil.walk_packages(module.__path__, f"{name}.") if name in OWN else ():
        if found.name.endswith("__main__"):
            continue
        try:
            importlib.import_module(found.name)
        except Exception as error:
            absent = _absent(error)
            if absent is None or absent.partition(".")[0] in OWN:
                raise
            passed_over.append(found.name)
    return passed_over


def _absent(error: BaseException | None) -> str | None:
    """The package whose absence an error comes from, if it does: libraries wrap it in errors of their own."""
    while error:
        if isinstance(error, ModuleNotFoundError):
            return str(error.name)
        error = error.__cause__ or error.__context__
    return None


def _delete(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
