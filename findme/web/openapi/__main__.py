"""`python -m findme.web.openapi`: print docs/api-calls.md."""

import sys

from findme.web.openapi.call_list import call_list
from findme.web.routes import all_routes, calls_of

sys.stdout.write(call_list(calls_of(all_routes())))
