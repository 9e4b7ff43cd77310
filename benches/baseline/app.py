"""The baseline: events as rows, scores by counting them. See README.md."""

import datetime
import gzip
import json
import os

import sqlalchemy as sa
from fastapi import FastAPI, HTTPException, Request

engine = sa.create_engine(os.environ["BASELINE_DATABASE"], pool_size=20, max_overflow=0)
meta = sa.MetaData()
customer = sa.Table("customer", meta, sa.Column("id", sa.Text, primary_key=True), sa.Column("name", sa.Text, nullable=False))
event = sa.Table(
    "event", meta,
    sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("customer_id", sa.Text, sa.ForeignKey("customer.id"), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("person", sa.Text),
    sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("properties", sa.JSON, nullable=False),
    sa.Index("event_by_customer", "customer_id", "name", "at"),
)
app = FastAPI()
TOTAL_FEATURES = 10


def row(of, whose):
    return {"customer_id": whose, "name": of.get("event") or of["name"], "person": of.get("distinct_id") or of.get("person"),
            "at": of["timestamp"], "properties": of.get("properties", {})}


async def body(request: Request):
    raw = await request.body()
    return json.loads(gzip.decompress(raw) if request.headers.get("content-encoding") == "gzip" else raw)


def store(rows):
    with engine.begin() as connection:
        connection.execute(sa.insert(event), rows)


@app.get("/healthz")
def alive():
    return {"status": "ok"}


@app.post("/batch/")
async def batch(request: Request):
    from starlette.concurrency import run_in_threadpool
    events = (await body(request))["batch"]
    await run_in_threadpool(store, [row(it, it["properties"].get("$groups", {}).get("customer")) for it in events])
    return {"status": "Ok"}


@app.post("/api/customers/{customer_id}/events")
async def one(customer_id: str, request: Request):
    from starlette.concurrency import run_in_threadpool
    given = await body(request)
    await run_in_threadpool(store, [row(it, customer_id) for it in (given if isinstance(given, list) else [given])])
    return {"status": "ok"}


@app.get("/api/customers/{customer_id}/health")
def health(customer_id: str):
    now = datetime.datetime.now(datetime.timezone.utc)
    month, before, quarter = (now - datetime.timedelta(days=days) for days in (30, 60, 90))
    with engine.connect() as connection:
        if connection.execute(sa.select(customer.c.id).where(customer.c.id == customer_id)).first() is None:
            raise HTTPException(404, "customer not found")

        def count(name, since, until=now, what=sa.func.count()):
            return connection.execute(sa.select(what).where(
                event.c.customer_id == customer_id, event.c.name == name, event.c.at >= since, event.c.at <= until)).scalar() or 0

        logins = count("login", month)
        features = count("feature_used", quarter, what=sa.func.count(sa.distinct(event.c.properties["feature"].as_string())))
        tickets = count("ticket_opened", quarter)
        calls = sa.func.sum(sa.func.coalesce(event.c.properties["count"].as_integer(), 1))
        current, previous = count("api_call", month, what=calls), count("api_call", before, month, what=calls)
        told = connection.execute(sa.select(event.c.name, event.c.at, event.c.properties).where(
            event.c.customer_id == customer_id, event.c.name.in_(["invoice_issued", "invoice_paid"]), event.c.at >= quarter)).all()
    paid = {it.properties["invoice"]: it.at for it in told if it.name == "invoice_paid"}
    issued = [it for it in told if it.name == "invoice_issued"]
    on_time = sum(1 for it in issued if it.properties["invoice"] in paid
                  and paid[it.properties["invoice"]] <= datetime.datetime.fromisoformat(it.properties["due_at"].replace("Z", "+00:00")))
    factors = {
        "login_frequency": min(100, 100 * logins / 20),
        "feature_adoption": min(100, 100 * features / TOTAL_FEATURES),
        "support_tickets": max(0, 100 - 10 * tickets),
        "invoice_timeliness": 100 * on_time / len(issued) if issued else 50,
        "api_trend": 100 * current / (current + previous) if current + previous else 50,
    }
    weights = {"login_frequency": .25, "feature_adoption": .25, "support_tickets": .2, "invoice_timeliness": .2, "api_trend": .1}
    return {"customer_id": customer_id, "score": round(sum(factors[name] * weights[name] for name in weights), 2), "factors": factors}


def prepare(customers):
    """Makes the tables and the customers whose ids come on standard input."""
    meta.drop_all(engine)
    meta.create_all(engine)
    with engine.begin() as connection:
        connection.execute(sa.insert(customer), [{"id": it, "name": f"Customer {number}"} for number, it in enumerate(customers)])


if __name__ == "__main__":
    import sys
    prepare(sys.stdin.read().split())
