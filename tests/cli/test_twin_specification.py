"""The twin's specification as it is written: its commands with another name, its examples with another import."""

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Call = Callable[..., Any]

WALLET = "0x" + "ab" * 20
# What the specification says on the left is called what stands on the right; nothing else changes.
COMMANDS = {"python pipeline.py": "rookery twin prepare", "python train_model.py": "rookery twin train"}
IMPORTS = {
    "from training import": "from rookery.twin import",
    "from model_architecture import": "from rookery.twin import",
}
TRAIN = """
python train_model.py \\
    --data_dir downloads/merged_trades \\
    --output_dir models \\
    --epochs 50 \\
    --batch_size 32 \\
    --device cuda  # or 'cpu'
"""
INFERENCE = """
from training import TraderInference
from model_architecture import TraderDecisionTransformer
import torch

# Load trained model
model = TraderDecisionTransformer(state_dim=17, action_dim=5)
checkpoint = torch.load('models/best_model.pt')
model.load_state_dict(checkpoint['model_state_dict'])

# Create inference engine
inference = TraderInference(model, device='cpu')

# Prepare current state (example)
states = torch.randn(1, 128, 17)  # (batch, seq_len, state_dim)

# Predict actions for 2% target return
predicted_actions, predicted_rtg = inference.predict_with_target_rtg(
    states=states,
    target_rtg=0.02  # 2% target return
)

# Get action probabilities
action_probs = torch.softmax(predicted_actions[0, -1], dim=-1)
print(f"Action probabilities: {action_probs}")
print(f"Predicted action: {action_probs.argmax().item()}")
"""
VALIDATION = """
from training import TraderTrainer

trainer = TraderTrainer(model, device='cpu')
val_metrics = trainer.validate(val_loader)

print(f"Validation Accuracy: {val_metrics['accuracy']:.2%}")
print(f"Validation Loss: {val_metrics['loss']:.4f}")
"""


def renamed(text: str, names: dict[str, str]) -> str:
    for name, other in names.items():
        text = text.replace(name, other)
    return text


def line_of(command: str) -> list[str]:
    """The words of a specification's command, for a machine without a GPU."""
    joined = renamed(command.strip().replace("\\\n", " "), COMMANDS)
    return [word if word != "cuda" else "cpu" for word in shlex.split(joined, comments=True)[1:]]


@pytest.fixture
def trader(tmp_path: Path, price_files: Callable[..., None]) -> Path:
    folder = tmp_path / "downloads" / "merged_trades" / WALLET
    price_files(folder, markets=16)
    return folder


def test_the_examples_here_are_those_of_the_specification(shared_data: Path):
    text = (shared_data.parent / "spec" / "twin.md").read_text(encoding="utf-8")
    assert all(example.strip() in text for example in (TRAIN, INFERENCE, VALIDATION, *COMMANDS))
    assert "python download_bucket.py" in text


def test_its_commands_and_its_examples_run_in_their_order(
    rookery: Call, trader: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    import torch

    from rookery.datasets.trajectories import TrajectoryBatches
    from rookery.pipelines.twin.steps import read_prepared

    assert rookery(*line_of("python pipeline.py"), "--quiet").code == 0
    assert (tmp_path / "data" / "processed_trader_data.parquet").is_file()

    said = rookery(*line_of(TRAIN), "--quiet")
    assert said.code == 0, said.err
    checkpoint = torch.load(tmp_path / "models" / "best_model.pt", weights_only=True)
    assert "model_state_dict" in checkpoint

    names: dict[str, Any] = {}
    exec(compile(renamed(INFERENCE, IMPORTS), "Step 4", "exec"), names)  # noqa: S102
    assert re.search(r"Predicted action: [0-4]$", capsys.readouterr().out.strip())
    assert names["predicted_actions"].shape == (1, 128, 5)
    assert float(names["action_probs"].sum()) == pytest.approx(1.0)

    tables = read_prepared(tmp_path / "data")
    held_out = tables.trajectories.part(tables.validation)
    names["val_loader"] = TrajectoryBatches(held_out, device=torch.device("cpu"))
    exec(compile(renamed(VALIDATION, IMPORTS), "Step 5", "exec"), names)  # noqa: S102
    assert re.fullmatch(r"Validation Accuracy: [\d.]+%\nValidation Loss: [\d.]+", capsys.readouterr().out.strip())
    assert {"accuracy", "loss", "rtg_rmse"} <= names["val_metrics"].keys()


def test_its_download_is_a_command_with_the_folders_of_the_specification(rookery: Call, trader: Path, tmp_path: Path):
    text = rookery("twin", "download", "--help").out
    assert "downloads/merged_trades" in text
    assert "btc-*_prices.json" in text
    for command, options in (
        ("prepare", "--data_dir --output_dir"),
        ("train", "--data_dir --output_dir --epochs --batch_size --device"),
        ("run", "--data_dir --output_dir --epochs --batch_size --device"),
    ):
        told = rookery("twin", command, "--help").out
        assert all(option in told for option in options.split())


def test_a_row_as_the_specification_shows_it_needs_the_token_to_be_named(rookery: Call, tmp_path: Path):
    row = {"t": 1768904486000, "type": "trade", "price": 0.77, "side": "BUY", "size": 20, "usdc": 15.4}
    folder = tmp_path / "downloads" / "merged_trades" / WALLET
    folder.mkdir(parents=True)
    document = {"slug": "btc-updown-15m-1768904100", "prices": [row]}
    (folder / "btc-1_prices.json").write_text(json.dumps(document))

    refused = rookery("twin", "check", "--quiet")
    assert (refused.code, len(refused.err.splitlines())) == (2, 2)
    assert "outcome is missing" in refused.err
    assert rookery("twin", "check", "--quiet", "--missing-outcome", "Up", "--json").json["source"]["rows_kept"] == 1
