"""Sends the same small story with one of the real clients: send.py posthog|segment. Host, key and customer are in the environment."""
import json
import os
import sys

HOST, KEY, CUSTOMER = os.environ["HOST"], os.environ["KEY"], os.environ["CUSTOMER"]
errors = []


def posthog():
    from posthog import Posthog

    client = Posthog(KEY, host=HOST, gzip=True, max_retries=5, on_error=lambda error, items: errors.append(str(error)))
    for number in range(10):
        client.capture("feature_used", distinct_id="ada", properties={"feature": f"f{number}", "password": "hunter2"}, groups={"customer": CUSTOMER})
    client.set(distinct_id="ada", properties={"plan": "pro"})
    client.alias("ada-before", "ada")
    client.group_identify("customer", CUSTOMER, {"industry": "shoes"})
    client.capture("junk", distinct_id="undefined")
    client.shutdown()


def segment():
    from segment.analytics.client import Client

    client = Client(KEY, host=HOST, gzip=True, max_retries=5, on_error=lambda error, items: errors.append(str(error)))
    for number in range(10):
        client.track("ada", "feature_used", {"feature": f"f{number}", "password": "hunter2"}, context={"groupId": CUSTOMER})
    client.identify("ada", {"plan": "pro"})
    client.alias("ada-before", "ada")
    client.group("ada", CUSTOMER, {"industry": "shoes"})
    client.page("ada", "Site", "Home", {"url": "https://shop.test/"})
    client.track("undefined", "junk")
    client.shutdown()


{"posthog": posthog, "segment": segment}[sys.argv[1]]()
print(json.dumps({"errors": errors}))
