"""Asks a server of SCIM for what RFC 7643 and 7644 promise, by scim2-tester, and tells what is not so.

STELE_SCIM: the address of the server. STELE_KEY: the bearer token.
"""

import os
import sys
from collections import Counter

from httpx2 import Client
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_tester import Status, check_server

headers = {"Authorization": f"Bearer {os.environ['STELE_KEY']}"}
with Client(base_url=os.environ["STELE_SCIM"], headers=headers, timeout=60) as http:
    results = check_server(SyncSCIMClient(http))

for result in results:
    if result.status not in (Status.SUCCESS, Status.SKIPPED):
        print(f"{result.status.name} {result.resource_type or ''} {result.title}: {result.reason}\n{result.data}")
counted = Counter(result.status.name for result in results)
checks = {f"{result.resource_type or 'server'} {result.title}" for result in results if result.status == Status.SUCCESS}
print(" ".join(f"{name}={count}" for name, count in sorted(counted.items())))
print(f"passed: {', '.join(sorted(checks))}")
print(f"skipped: {', '.join(sorted(str(result.title) for result in results if result.status == Status.SKIPPED))}")
sys.exit(any(result.status not in (Status.SUCCESS, Status.SKIPPED) for result in results))
