from typing import Any

import pytest
import torch
from matplotlib.figure import Figure
from torch import nn

from sig.compare import compare
from sig.explicand import Explicand
from sig.games import shapley_values, value_table
from sig.plugins import UnknownName
from sig.registry import methods, metric, metrics

WEIGHTS = torch.tensor([[1.0, -1.0], [2.0, 0.0], [-3.0, 1.0], [0.5, 0.5]])


@pytest.fixture
def linear() -> Explicand:
    return Explicand.of(lambda x: x @ WEIGHTS, torch.tensor([[1.0, 1.0, 1.0, 1.0], [0.0, 2.0, 1.0, 0.0]]))


def test_a_linear_model_by_hand(linear: Explicand) -> None:
    assert linear.target.tolist() == [0, 0]  # outputs (0.5, 0.5), of which the first, and (1, 1)
    truth = linear.inputs * WEIGHTS[:, linear.target].T
    result = compare(
        linear, ["ig-zero", "bshap", "gradient", "random-attribution"], ["spearman", "completeness"], rows=20,
        truth=truth.double(), progress=False,
    )  # fmt: skip
    for name in ("ig-zero", "bshap"):
        torch.testing.assert_close(result.attributions[name], truth)
    torch.testing.assert_close(result.attributions["gradient"], WEIGHTS[:, linear.target].T)
    table = result.table
    assert list(table.index) == ["ig-zero", "bshap", "gradient", "random-attribution"]
    assert table["spearman"]["ig-zero"] == pytest.approx(1)
    assert table["completeness"]["bshap"] == pytest.approx(0, abs=1e-6)
    assert table["rows"].tolist() == [20, 16, 2, 0]
    assert table["note"]["gradient"] == "completeness: the method states no baseline"
    assert result.scores["ig-zero"]["spearman"].tolist() == pytest.approx([1, 1])


def test_scores_are_those_of_methods_and_metrics_called_by_themselves(picture_explicand: Explicand) -> None:
    result = compare(picture_explicand, ["sig-game"], ["iaccuracy"], rows=200, seed=4, progress=False)
    generator = torch.Generator().manual_seed(4)
    expected = methods["sig-game"](picture_explicand, generator=generator, samples=2, steps=50)
    assert torch.equal(result.attributions["sig-game"], expected)
    again = compare(
        picture_explicand, ["random-attribution", "sig-game"], ["iaccuracy"], rows=200, seed=4, progress=False
    )
    assert result.scores["sig-game"].equals(again.scores["sig-game"])


def test_metrics_may_run_the_method_again(picture_explicand: Explicand) -> None:
    names = ["sig-game", "random-attribution"]
    table = compare(picture_explicand, names, ["randomisation", "max_sensitivity"], rows=100, progress=False).table
    assert table["max_sensitivity"]["sig-game"] > 0 == table["max_sensitivity"]["random-attribution"]
    assert table["randomisation"]["sig-game"] < 1 == pytest.approx(table["randomisation"]["random-attribution"])
    assert table["rows"].tolist() == [100, 0]


def test_options_by_name(picture_explicand: Explicand) -> None:
    options: dict[str, dict[str, Any]] = {
        "sig-game": {"steps": 10, "direction": "both"},
        "iaccuracy": {"removal": "mean"},
    }
    result = compare(picture_explicand, ["sig-game"], ["iaccuracy"], rows=200, options=options, progress=False)
    generator = torch.Generator().manual_seed(0)
    expected = methods["sig-game"](picture_explicand, generator=generator, samples=10, steps=10, direction="both")
    assert torch.equal(result.attributions["sig-game"], expected)


def test_what_cannot_be_is_noted_and_stops_nothing(linear: Explicand) -> None:
    result = compare(linear, ["icg", "ig-blur", "ig-zero"], ["shadow", "spearman"], rows=5, progress=False)
    assert "certainty-aware" in result.table["note"]["icg"]
    assert "pictures" in result.table["note"]["ig-blur"]
    assert "spearman: the task states no true attribution" in result.table["note"]["ig-zero"]
    assert list(result.attributions) == ["ig-zero"]
    assert "ig-blur" in str(result)
    assert "<table" in result._repr_html_()


def test_mistakes_are_named_before_any_work(linear: Explicand) -> None:
    with pytest.raises(UnknownName, match="did you mean 'ig-zero'"):
        compare(linear, ["ig-zreo"])
    with pytest.raises(UnknownName, match="did you mean 'spearman'"):
        compare(linear, ["ig-zero"], ["spaerman"])
    with pytest.raises(ValueError, match="'ig-zero' is a name, expected a list of names"):
        compare(linear, "ig-zero")
    with pytest.raises(ValueError, match="a budget of 0 rows"):
        compare(linear, ["ig-zero"], rows=0)


@pytest.mark.usefixtures("as_users_run_it")
def test_what_does_not_fit_is_named(linear: Explicand) -> None:
    with pytest.raises(ValueError, match=r"truth has shape \(2, 3\), expected \(2, 4\): one number for each player"):
        compare(linear, ["ig-zero"], truth=torch.ones(2, 3))
    with pytest.raises(ValueError, match=r"region 'here' has shape \(4,\), expected \(2, 4\)"):
        compare(linear, ["ig-zero"], regions={"here": torch.ones(4) > 0})
    with pytest.raises(ValueError, match="options are given for 'ig-zreo', which is none of the methods and metrics"):
        compare(linear, ["ig-zero"], options={"ig-zreo": {"steps": 3}})


def test_nothing_to_show_is_no_accident(linear: Explicand) -> None:
    assert len(compare(linear, [], progress=False).table) == 0
    nothing = compare(linear, ["icg"], progress=False)
    assert nothing.scores.empty
    with pytest.raises(ValueError, match="there is no attribution to draw"):
        nothing.draw()


def test_regions_may_have_any_name(linear: Explicand) -> None:
    regions = {name: torch.ones(2, 4) > 0 for name in ("inputs", "truth", "self", "e", "shadow")}
    result = compare(linear, ["ig-zero"], ["shadow"], regions=regions, progress=False)
    assert result.table["shadow"].tolist() == [1]


def test_metrics_that_draw_carelessly_are_seeded_too(linear: Explicand) -> None:
    metric("careless", better="lower", range=(0, 1))(lambda trial: torch.rand(len(trial.attribution)))
    try:
        before = torch.get_rng_state()
        one, other = (compare(linear, ["ig-zero"], ["careless"], progress=False).scores for _ in range(2))
        assert one.equals(other)
        assert torch.equal(before, torch.get_rng_state())
    finally:
        del metrics._entries["careless"]


def test_many_features_fit_on_a_page() -> None:
    x = torch.rand(1, 3000)
    figure = compare(Explicand.of(lambda x: x[:, :2], x), ["gradient"], progress=False).draw()
    assert figure.get_figwidth() <= 16


def test_progress_is_shown_where_it_is_asked_for(linear: Explicand, capsys: pytest.CaptureFixture[str]) -> None:
    compare(linear, ["ig-zero"], rows=5)
    assert "methods: 100%" in capsys.readouterr().err
    compare(linear, ["ig-zero"], rows=5, progress=False)
    assert capsys.readouterr().err == ""


def drawn(figure: Figure) -> tuple[list[str], int]:
    return [ax.get_title() for ax in figure.axes if ax.get_title()], sum(len(ax.images) for ax in figure.axes)


def test_pictures_side_by_side(picture_explicand: Explicand) -> None:
    result = compare(picture_explicand, ["ig-zero", "gradient"], rows=10, progress=False)
    assert drawn(result.draw(2)) == (["input", "ig-zero", "gradient"], 2 * 3)
    red_where_it_raises = result.draw(1).axes[1].images[0].get_array()
    assert red_where_it_raises is not None
    assert abs(red_where_it_raises).max() == pytest.approx(1)


def test_vectors_as_heat_maps(linear: Explicand) -> None:
    figure = compare(linear, ["ig-zero", "gradient"], rows=10, progress=False).draw()
    assert [ax.images[0].get_array().shape for ax in figure.axes] == [(2, 4)] * 2  # type: ignore[union-attr]
    assert [label.get_text() for label in figure.axes[1].get_xticklabels()] == ["0", "2", "1", "0"]


class TestExplicandOf:
    def test_fills_in_what_is_not_given(self) -> None:
        x = torch.tensor([[-1.0, 2.0, 0.5, 0.0], [3.0, 0.0, 0.0, 1.0]])
        e = Explicand.of(lambda x: x @ WEIGHTS, x)
        assert e.target.tolist() == (x @ WEIGHTS).argmax(1).tolist()
        assert torch.equal(e.background, x)
        assert e.players.tolist() == [0, 1, 2, 3]
        assert e.input_range == (-1.0, 3.0)
        assert e.tally.forward_rows == 0

    def test_players_of_pictures_are_squares(self) -> None:
        e = Explicand.of(nn.Sequential(nn.Flatten(), nn.Linear(32, 2)).eval(), torch.rand(2, 2, 4, 4), players=2)
        assert e.n_players == 4
        assert torch.equal(e.players[0], e.players[1])

    def test_what_is_given_counts(self) -> None:
        background = torch.full((2, 4), 5.0)
        e = Explicand.of(lambda x: x @ WEIGHTS, torch.rand(1, 4), target=torch.tensor([1]), background=background)
        assert e.target.tolist() == [1]
        assert e.input_range[1] == 5.0

    def test_a_model_in_training_mode_is_refused(self) -> None:
        with pytest.raises(ValueError, match=r"the model is in training mode.*call model\.eval\(\)"):
            Explicand.of(nn.Linear(4, 2), torch.rand(1, 4))

    def test_patches_need_pictures(self) -> None:
        with pytest.raises(ValueError, match=r"patches need pictures .* the inputs have shape \(4,\)"):
            Explicand.of(lambda x: x @ WEIGHTS, torch.rand(1, 4), players=2)


def test_the_exact_game_of_an_explicand(vector_explicand: Explicand) -> None:
    e, default = vector_explicand, torch.full((3, 8), 0.25)
    table = value_table(e, default)
    assert table.shape == (3, 256)
    assert table.dtype == torch.float64
    assert e.tally.forward_rows == 3 * 256
    for i, mask in [(0, 0), (1, 5), (2, 200), (2, 255)]:
        inside = torch.tensor([bool(mask >> player & 1) for player in range(8)])
        x = torch.where(inside, e.inputs[i], default[i])
        torch.testing.assert_close(table[i, mask], e.model(x[None])[0, e.target[i]].detach().double())
    generator = torch.Generator().manual_seed(0)
    mean = compare(e, ["bshap"], options={"bshap": {"default": "mean"}}, progress=False).attributions["bshap"]
    exact = shapley_values(value_table(e, e.background.mean(0).expand(3, -1)))
    torch.testing.assert_close(mean, exact.float())
    for name in ("kernel-shap", "permutation-shapley"):
        found = methods[name](e, default="mean", evaluations=256, generator=torch.Generator().manual_seed(0))
        zero = methods[name](e, evaluations=256, generator=torch.Generator().manual_seed(0))
        assert (found - mean).abs().mean() < 0.2 * (zero - mean).abs().mean()
    found, zero = (
        methods["effective-shapley"](e, draws=20000, fraction=1.0, default=name, generator=generator)
        for name, generator in (("mean", generator), ("zero", generator))
    )
    assert torch.cosine_similarity(found, mean).min() > 0.999  # up to a factor
    assert torch.cosine_similarity(zero, mean).min() < 0.99
