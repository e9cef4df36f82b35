"""requests; it knows nothing of trustbridge."""

import sys

import trustbridge

trustbridge.inject_into_ssl()

import requests  # noqa: E402  (shows that the order does not matter)

print(requests.get(f"https://{sys.argv[1]}/", timeout=10).text)
