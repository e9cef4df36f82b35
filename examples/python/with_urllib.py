"""The standard library's HTTPS client; it knows nothing of trustbridge."""

import sys
import urllib.request

import trustbridge

trustbridge.inject_into_ssl()
with urllib.request.urlopen(f"https://{sys.argv[1]}/", timeout=10) as response:
    print(response.read().decode())
