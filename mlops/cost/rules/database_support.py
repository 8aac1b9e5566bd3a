"""What RDS charges besides instance and storage: watching it, and versions that have left standard support.

Source of what is charged: the pricing pages of RDS and CloudWatch; RDS user guide, "Pricing and data retention for
Database Insights" (since 2026-07-31 Performance Insights is its standard mode, retention and price as before) and
"Amazon RDS Extended Support charges".
"""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from mlops.core import clock, engines
from mlops.cost import demand
from mlops.cost.model import HOURS, Context, Item, used
from mlops.cost.support import month_split, since
from mlops.plan.capacity import vcpus
from mlops.plan.graph import Node
from mlops.plan.reading import Gap

_FREE_INSIGHTS_DAYS = 7
_ENGINES = {"aurora-postgresql": "postgres", "aurora-mysql": "mysql"}
_DISABLED = "open-source-rds-extended-support-disabled"
_DEARER_AFTER_YEARS = 2


def watching(node: Node, context: Context) -> Iterator[Item]:
    """Enhanced monitoring writes logs; Database Insights costs by vCPU, in standard mode only beyond 7 days."""
    interval = node.at("monitoringInterval").number()
    if interval > 0:
        gb = demand.monitoring_gb(interval, _copies(node))
        yield used("logs of enhanced monitoring", ("cloudwatch", "logs_ingest_standard"), gb)
    cores = _cores(node)
    if node.at("databaseInsightsMode").text() == "advanced":
        sku = ("cloudwatch", "database_insights_advanced")
        yield Item(label="Database Insights, advanced", sku=sku, quantity=cores * HOURS)
    elif node.at("performanceInsightsRetentionPeriod").number() > _FREE_INSIGHTS_DAYS:
        service = f"rds_{node.at('engine').text() or 'postgres'}"
        yield Item(
            label="Database Insights, standard, kept longer than 7 days",
            sku=(service, f"insights_{_family(node)}"),
            instead=((service, "insights_any"),),
            quantity=cores,
        )


def extended_support(node: Node) -> Iterator[Item]:
    """By vCPU hour from the day after the end of standard support, standby included, unless it is declined."""
    engine = node.at("engine").text() or "postgres"
    releases = engines.RDS.get(_ENGINES.get(engine, engine))
    given = node.at("engineVersion")
    version = f"[{given.gap}]" if given.hidden else given.text()
    if releases is None or given.gap is Gap.ABSENT or node.at("engineLifecycleSupport").text() == _DISABLED:
        return
    release = releases.get(version.partition(".")[0]) or releases.get(".".join(version.split(".")[:2]))
    if release is None:
        yield Item(
            label=f"support of {engine} {version}",
            sku=("rds_postgres", f"extended support of {engine} {version}"),
            quantity=_cores(node) * _copies(node) * HOURS,
        )
        return
    _, charged = month_split(release.standard_until)
    year = 3 if _years_later(release.standard_until, _DEARER_AFTER_YEARS) < clock.today() else 1
    yield Item(
        label=f"extended support of {engine} {version}{since(release.standard_until)}",
        sku=("rds_postgres", f"extended_support_year{year}"),
        quantity=_cores(node) * _copies(node) * charged,
    )


def _copies(node: Node) -> int:
    return 2 if node.at("multiAz").flag() else 1


def _family(node: Node) -> str:
    return node.at("instanceClass").text("unknown").removeprefix("db.").partition(".")[0]


def _cores(node: Node) -> Decimal:
    return Decimal(vcpus(node.at("instanceClass").text("unknown").removeprefix("db.")))


def _years_later(day: date, years: int) -> date:
    # 29 February has no such day in most years.
    return date(day.year + years, day.month, min(day.day, 28))
