import importlib.metadata
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
LOCK = (ROOT / "requirements.lock").read_text()
PINS = dict(re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", LOCK, re.MULTILINE))


def test_the_lock_pins_everything_exactly_and_with_hashes():
    entries = [entry for entry in re.split(r"\n(?=\S)", LOCK) if not entry.startswith("#")]
    assert len(entries) > 100
    for entry in entries:
        assert re.match(r"[A-Za-z0-9._-]+==\S+ \\\n +--hash=sha256:[0-9a-f]{64}", entry), entry


def test_the_lock_names_no_index_and_no_place():
    assert not re.search(r"--index-url|--extra-index-url|--find-links|://| @ ", LOCK)


def test_the_lock_satisfies_the_ranges():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    optional = project["optional-dependencies"]
    stated = project["dependencies"] + [
        line for extra in ("explainers", "lrp", "benchmark", "pictures", "dev") for line in optional[extra]
    ]
    for line in stated:
        requirement = Requirement(line)
        assert PINS[requirement.name.lower()] in requirement.specifier, line


def test_torch_from_an_index_for_cpus_leaves_cuda_out():
    command = ["make", "--dry-run", "--assume-new=requirements.lock", ".venv/.installed", "TORCH_INDEX=an-index"]
    lines = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    from_index, from_lock = (line for line in lines if "/pip install" in line)
    assert "--index-url an-index $(" in from_index
    (pins,) = re.findall(r"\$\((.*)\)$", from_index)
    (rest,) = re.findall(r"-r <\((.*)\)$", from_lock)
    assert run(pins) == [f"torch=={PINS['torch']}", f"torchvision=={PINS['torchvision']}"]
    left = re.findall(r"^([a-z0-9._-]+)==", "\n".join(run(rest)), re.MULTILINE)
    assert set(left) < set(PINS)
    assert {"torchmetrics", "pytorch-lightning", "numpy"} < set(left)
    cuda = set(PINS) - set(left) - {"torch", "torchvision"}
    needed = {name for name in left for name in list_needed(name)}
    assert cuda
    assert not cuda & needed  # by what is installed beside torch
    assert cuda >= {name for name in list_needed("torch") if re.match("nvidia|cuda|triton", name)}


def run(command):
    return subprocess.run(
        ["bash", "-c", command], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.splitlines()


def list_needed(package):
    """Names of the packages that an installed one needs, without its extras."""
    stated = [Requirement(line) for line in importlib.metadata.requires(package) or ()]
    return [one.name.lower() for one in stated if one.marker is None or one.marker.evaluate({"extra": ""})]


def test_no_package_hides_behind_ours():
    """A root package named ``datasets`` hides Hugging Face's, so nothing that is installed may need that one."""
    assert not {"datasets", "training", "benchmarks", "sig"} & set(PINS)


def test_the_wheel_ships_sig_alone(tmp_path):
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    files = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in files if ".dist-info" not in name} == {"sig"}
    assert {"sig/path.py", "sig/methods/integrated_gradients.py", "sig/metrics/iaccuracy.py"} <= set(files)


WITHOUT = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {absent}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Absent())
"""
ALONE = """
import torch
from sig import Explicand, UnknownName, methods
from sig.compare import compare

e = Explicand.of(lambda x: x @ torch.eye(3), torch.rand(2, 3))
result = compare(e, ["ig-zero", "sig-game", "bshap"], ["iaccuracy", "completeness"], rows=20, progress=False)
assert list(result.attributions) == ["ig-zero", "sig-game", "bshap"], result
try:
    methods["captum/Saliency"]
except UnknownName as error:
    assert "sig.methods.captum_explainers was left out: it needs captum." in str(error), error
    assert "sig.methods.kernel_shap was left out: it needs shapiq." in str(error), error
else:
    raise AssertionError("captum is there")
assert not {"matplotlib", "pytorch_lightning", "pydantic"} & set(sys.modules)
"""


def test_sig_needs_nothing_but_its_own_dependencies():
    absent = {"captum", "shapiq", "matplotlib", "seaborn", "pytorch_lightning", "pydantic", "rich", "dask", "wandb"}
    code = WITHOUT.format(absent=absent) + ALONE
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
