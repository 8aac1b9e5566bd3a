"""`mlops cost`, `prices`, `rightsize`, `capacity` and `timeline` as a user runs them."""

import json
import re
from pathlib import Path

import pytest

from tests.cli.conftest import Run, stack_file
from tests.cli.test_output import conforms

STACKS = ("local", "dev", "staging", "prod")


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("command", ["cost", "capacity", "timeline"])
def test_every_stack_has_a_price_a_fit_and_a_time(mlops: Run, command: str, stack: str) -> None:
    answer = mlops(command, "-s", stack)
    assert answer.code == 0, answer.text
    assert len(answer.out.splitlines()) > 5


def test_the_table_goes_by_module_and_then_by_line_and_ends_in_totals(mlops: Run) -> None:
    text = mlops("cost", "-s", "dev").out
    headline = re.search(r"\$([\d,.]+) a month: \$([\d,.]+) for being there, \$([\d,.]+) for use", text)
    assert headline
    total, fixed, usage = (float(amount.replace(",", "")) for amount in headline.groups())
    assert abs(total - fixed - usage) < 0.02
    assert 300 <= total <= 600
    for word in ("cluster", "NAT gateway", "public IPv4 address", "EKS control plane", "Total"):
        assert word in text


def test_what_cannot_be_known_is_said_beside_the_figures(mlops: Run) -> None:
    answer = mlops("cost", "-s", "dev")
    assert "cost nothing by themselves" in answer.err
    assert "days old" in answer.err


def test_json_holds_every_line_with_the_source_and_age_of_its_price(mlops: Run) -> None:
    document = mlops("cost", "-s", "prod", "--json").json()
    assert abs(sum(line["monthly"] for line in document["lines"]) - document["monthly"]["total"]) < 0.001
    assert document["missing"] == document["unpriced"] == []
    for line in document["lines"]:
        assert line["price"]["source"]
        assert "age_days" in line["price"]


def test_two_stacks_are_told_apart_module_by_module(mlops: Run) -> None:
    answer = mlops("cost", "-s", "prod", "--against", "dev")
    assert answer.code == 0
    assert re.search(r"data-pipeline\s+\$[\d.]+\s+\$[\d.]+\s+\+\$[\d.]+", answer.out)


def test_markdown_is_a_table_for_a_pull_request(mlops: Run) -> None:
    text = mlops("cost", "-s", "dev", "--markdown").out
    assert text.startswith("### mlops/dev: $")
    assert "| Module | Fixed | Usage | Monthly |" in text
    assert "| :-- | --: | --: | --: |" in text


def test_a_stack_over_its_budget_ends_with_exit_code_3(mlops: Run) -> None:
    answer = mlops("cost", "-s", "dev", "--budget", "100")
    assert answer.code == 3
    assert "over" in answer.out
    assert mlops("cost", "-s", "dev", "--budget", "1000").code == 0


def test_a_usage_file_changes_the_lines_that_follow_from_use(mlops: Run, tmp_path: Path) -> None:
    file = tmp_path / "busy.yaml"
    file.write_text("traffic: {nat_gb: 10000}")
    calm, busy = (mlops("cost", "-s", "dev", "--json", *more).json() for more in ((), ("--usage", str(file))))
    assert busy["monthly"]["fixed"] == calm["monthly"]["fixed"]
    through = [
        sum(line["monthly"] for line in made["lines"] if line["label"] == "NAT gateway: data processed")
        for made in (calm, busy)
    ]
    assert round(through[1] - through[0], 2) == round(9950 * 0.045, 2)
    # What goes through the gateway is in the flow logs as well.
    assert busy["monthly"]["usage"] - calm["monthly"]["usage"] > through[1] - through[0]


def test_the_export_of_a_stack_is_priced_without_a_plan(mlops: Run, tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    plan.write_text(mlops("plan", "-s", "dev", "--json").out)
    answer = mlops("cost", "--graph", str(plan), "--json")
    assert answer.code == 0
    # The graph tells its tier, and the tier what is expected of its use.
    assert answer.json()["monthly"] == mlops("cost", "-s", "dev", "--json").json()["monthly"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ('{"version": 9, "deployment": {}}', "a stack export of version 9"),
        ("{}", "neither a stack export"),
        ("nonsense", "is not JSON"),
    ],
)
def test_an_export_that_cannot_be_read_ends_with_one_sentence_and_exit_code_2(
    mlops: Run, tmp_path: Path, content: str, sentence: str
) -> None:
    file = tmp_path / "export.json"
    file.write_text(content)
    for command in ("cost", "capacity", "timeline"):
        answer = mlops(command, "--graph", str(file))
        assert answer.code == 2
        assert sentence in answer.err
        assert "Traceback" not in answer.text


def test_a_region_that_the_book_does_not_know_is_refused_with_the_way_out(mlops: Run, project: Path) -> None:
    stack_file(project, "config:\n  aws:region: eu-central-1\n  mlops:tier: dev\n")
    answer = mlops("cost", "-s", "qa")
    assert answer.code == 2
    assert "no prices for eu-central-1" in answer.text
    assert "mlops prices refresh --region eu-central-1" in answer.text


def test_a_damaged_price_book_of_the_project_is_refused(mlops: Run, project: Path) -> None:
    (project / "prices.json").write_text('{"regions": []}')
    answer = mlops("cost", "-s", "dev")
    assert (answer.code, "is not a price book" in answer.text) == (2, True)


def test_a_negative_price_of_the_project_is_refused(mlops: Run, project: Path) -> None:
    row = {"price": -1, "unit": "hour", "source": "x", "as_of": "2026"}
    book = {"sources": {}, "regions": {"us-east-1": {"nat_gateway": {"hour": row}}}}
    (project / "prices.json").write_text(json.dumps(book))
    answer = mlops("cost", "-s", "dev")
    assert answer.code == 2
    assert "a price is a number of US dollars, 0 or more" in answer.text


def test_the_published_bill_is_shown_with_what_it_forgot(mlops: Run) -> None:
    answer = mlops("cost", "--bill", "dev")
    assert answer.code == 0
    assert "$336.00 a month as published" in answer.out
    assert "What it forgot" in answer.out
    assert "NAT gateway" in answer.out
    wrong = mlops("cost", "--bill", "def")
    assert (wrong.code, 'Did you mean "dev"?' in wrong.text) == (2, True)


def test_a_price_has_its_source_and_age_one_command_away(mlops: Run) -> None:
    answer = mlops("prices", "list", "nat_gateway")
    assert answer.code == 0
    assert "$0.045" in answer.out
    assert "days" in answer.out
    assert "infracost" in answer.out
    summary = mlops("prices")
    assert summary.code == 0
    assert re.search(r"us-east-1\s+nat_gateway\s+2\s+\d+\s+infracost", summary.out)


def test_a_price_that_nobody_knows_is_not_listed_as_nothing(mlops: Run) -> None:
    answer = mlops("prices", "list", "flux-capacitor")
    assert (answer.code, "No price" in answer.text) == (2, True)


def test_renewing_prices_of_a_region_that_does_not_exist_is_refused(mlops: Run) -> None:
    answer = mlops("prices", "refresh", "--region", "us-east-9")
    assert (answer.code, '"us-east-9" is no region' in answer.text) == (2, True)


def test_working_hours_of_a_stack_file_lower_its_price_and_say_why(mlops: Run, project: Path) -> None:
    hours = "config:\n  mlops:tier: dev\n  mlops:platform:\n    cluster:\n      auto_shutdown: {}\n"
    stack_file(project, hours)
    answer = mlops("cost", "-s", "qa", "--against", "dev")
    assert answer.code == 0
    assert re.search(r"cluster\s+\$[\d.]+\s+\$[\d.]+\s+-\$8\d\.\d\d", answer.out)
    assert "65 of 168 hours a week" in mlops("cost", "-s", "qa").out


def test_what_nobody_can_price_is_named_below_the_bill(mlops: Run, tmp_path: Path) -> None:
    plan = mlops("plan", "-s", "dev", "--json").json()
    node = next(node for node in plan["nodes"] if node["type"] == "kubernetes:core/v1:ConfigMap")
    pool = {**node, "type": "kubernetes:karpenter.sh/v1:NodePool", "urn": f"{node['urn']}-pool", "name": "pool"}
    file = tmp_path / "plan.json"
    file.write_text(json.dumps({**plan, "nodes": [*plan["nodes"], pool]}))
    answer = mlops("cost", "--graph", str(file))
    assert answer.code == 0
    assert "karpenter.sh" in answer.text


def test_renewing_prices_says_what_it_needs(mlops: Run) -> None:
    answer = mlops("prices", "refresh")
    assert answer.code == 2
    assert "needs boto3" in answer.text


AWS_SDK = """
import json

class Pricing:
    def get_products(self, **asked):
        if asked["ServiceCode"] != "AmazonEC2":
            return {"PriceList": []}
        dimension = {"unit": "Hrs", "pricePerUnit": {"USD": "0.052"}, "beginRange": "0"}
        product = {"product": {"attributes": {"usagetype": "EUC1-NatGateway-Hours"}},
                   "terms": {"OnDemand": {"t": {"priceDimensions": {"d": dimension}}}}}
        return {"PriceList": [json.dumps(product)]}

def client(service, **_):
    return Pricing()
"""
"""An SDK whose Price List API knows one price."""


def test_renewed_prices_are_written_and_counted(mlops: Run, project: Path, tmp_path: Path) -> None:
    sdk = tmp_path / "sdk"
    sdk.mkdir()
    (sdk / "boto3.py").write_text(AWS_SDK)
    answer = mlops("prices", "refresh", "--region", "eu-central-1", "--json", PYTHONPATH=str(sdk))
    conforms(answer.json(), "prices-refresh")
    assert answer.json()["renewed"] == 1
    assert json.loads((project / "prices.json").read_text())["regions"]["eu-central-1"]["nat_gateway"]


def test_an_export_of_used_resources_becomes_a_difference_for_the_stack_file(mlops: Run, tmp_path: Path) -> None:
    row = {
        "properties": {"namespace": "mlflow", "controller": "mlflow"},
        "minutes": 20160,
        "cpuCoreUsageAverage": 0.05,
        "ramByteUsageAverage": 2.5e8,
        "rawAllocationOnly": {"cpuCoreUsageMax": 0.1, "ramByteUsageMax": 5e8},
    }
    file = tmp_path / "allocation.json"
    file.write_text(json.dumps({"code": 200, "data": [{"x": row}]}))
    answer = mlops("rightsize", "-s", "prod", "--usage", str(file))
    assert answer.code == 0
    assert "ml_platform:\n  cpu: 150m" in answer.out
    document = mlops("rightsize", "-s", "prod", "--usage", str(file), "--json").json()
    assert document["proposals"]
    conforms(document, "rightsize")


def test_an_export_with_impossible_figures_ends_with_exit_code_2(mlops: Run, tmp_path: Path) -> None:
    file = tmp_path / "export.csv"
    file.write_text("a,b\n1,2\n")
    answer = mlops("rightsize", "-s", "prod", "--usage", str(file))
    assert (answer.code, "is no cost and usage report" in answer.text) == (2, True)


def test_pods_that_would_stay_pending_end_capacity_with_exit_code_1(mlops: Run, project: Path) -> None:
    stack_file(
        project,
        "config:\n  mlops:tier: dev\n  mlops:platform:\n    ml_platform:\n      memory: 64Gi\n",
    )
    answer = mlops("capacity", "-s", "qa")
    assert answer.code == 1
    assert "no node of the group is large enough" in answer.text


def test_the_way_down_names_what_blocks_it(mlops: Run) -> None:
    answer = mlops("timeline", "-s", "prod", "--teardown")
    assert answer.code == 0
    assert "Protected resources" in answer.out
    assert mlops("timeline", "-s", "prod", "--teardown", "--json").json()["obstacles"]


def test_the_way_up_shows_the_critical_path_and_the_bound(mlops: Run) -> None:
    document = mlops("timeline", "-s", "prod", "--json").json()
    assert document["seconds"]["bound"] <= document["seconds"]["total"] < 1800
    assert document["critical_path"]


UNKNOWN = {"type": "aws:quantum/computer:Computer", "name": "schroedinger", "custom": True, "inputs": {}}


@pytest.fixture
def incomplete(mlops: Run, tmp_path: Path) -> Path:
    """A plan of dev with a resource that nobody can price."""
    plan = mlops("plan", "-s", "dev", "--json").json()
    node = {**plan["nodes"][-1], **UNKNOWN, "urn": f"{plan['nodes'][-1]['urn']}-more"}
    file = tmp_path / "plan.json"
    file.write_text(json.dumps({**plan, "nodes": [*plan["nodes"], node]}))
    return file


def test_a_total_that_lacks_a_price_says_at_least_and_passes_no_budget(mlops: Run, incomplete: Path) -> None:
    answer = mlops("cost", "--graph", str(incomplete), "--budget", "100000")
    assert answer.code == 3
    assert "at least $" in answer.out
    assert "nobody knows whether it stays within $100,000.00" in answer.text
    assert "schroedinger" in answer.text
    allowed = mlops("cost", "--graph", str(incomplete), "--budget", "100000", "--allow-incomplete")
    assert allowed.code == 0
    assert mlops("cost", "--graph", str(incomplete), "--strict").code == 3
    assert mlops("cost", "-s", "dev", "--strict").code == 0


def test_a_stack_in_ireland_is_priced_in_full(mlops: Run, project: Path) -> None:
    stack_file(project, "config:\n  aws:region: eu-west-1\n  mlops:tier: prod\n")
    document = mlops("cost", "-s", "qa", "--json").json()
    assert (document["region"], document["missing"]) == ("eu-west-1", [])
    assert document["monthly"]["total"] > mlops("cost", "-s", "prod", "--json").json()["monthly"]["total"]
    assert mlops("cost", "-s", "qa", "--budget", "1500").code == 3


def test_a_line_says_what_it_follows_from_step_by_step(mlops: Run) -> None:
    answer = mlops("cost", "-s", "prod", "--why", "data events")
    assert answer.code == 0
    for step in ("usage.storage.get_requests = 50,000,000", "each request for an object is a data event", "price of"):
        assert step in answer.text
    fixed = mlops("cost", "-s", "prod", "--why", "control plane").text
    assert "follows from the resource as it is" in fixed
    lines = mlops("cost", "-s", "prod", "--why", "NAT", "--json").json()["lines"]
    assert all(line["price"]["source"] for line in lines)
    wrong = mlops("cost", "-s", "prod", "--why", "data event s")
    assert (wrong.code, 'Did you mean "data events"?' in wrong.text) == (2, True)


def test_the_bill_says_what_it_is_of_and_what_comes_next(mlops: Run) -> None:
    answer = mlops("cost", "-s", "dev", "--short")
    assert "This is the platform at rest: models (spot) has no node yet." in answer.text
    assert re.search(r"Next on the bill: the first node of models \(spot\) \+\$5\d\.\d\d", answer.text)
    assert "a load balancer +$" in answer.text
    assert mlops("cost", "-s", "dev", "--json").json()["next"][0]["monthly"] > 50


def test_the_estimate_as_a_page_holds_every_line_and_needs_nothing_else(mlops: Run) -> None:
    answer = mlops("cost", "-s", "dev", "--format", "html")
    assert answer.code == 0
    assert answer.out.startswith("<!doctype html>")
    for word in ("NAT gateway", "Next on the bill", "Sources of the prices", "</html>"):
        assert word in answer.out
    both = mlops("cost", "-s", "dev", "--format", "html", "--json")
    assert (both.code, "One format at a time" in both.text) == (2, True)


def test_the_assumed_use_is_written_with_what_each_figure_means_and_taken_back_unchanged(
    mlops: Run, tmp_path: Path
) -> None:
    file = tmp_path / "usage.yaml"
    wrote = mlops("usage", "-s", "prod", "--write", "--file", str(file))
    assert wrote.code == 0
    text = file.read_text()
    assert "  # Through NAT gateways" in text
    assert "  nat_gb: 300\n" in text
    assert re.search(r"^  # trail_events: 55000000$", text, re.M)
    same = mlops("cost", "-s", "prod", "--json", "--usage", str(file)).json()
    assert same["lines"] == mlops("cost", "-s", "prod", "--json").json()["lines"]
    again = mlops("usage", "-s", "prod", "--write", "--file", str(file))
    assert (again.code, "is there already" in again.text) == (2, True)
    assert mlops("usage", "-s", "prod").out == text
    assert mlops("usage", "-s", "prod", "--json").json()["derived"]["logs.trail_events"] == 55_000_000
