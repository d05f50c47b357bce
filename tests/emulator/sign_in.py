# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where clients sign in: HTTP for Entra ID, an ADFS, and the machine's own token endpoint."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from .arm import Reply
from .identity import EntraError, EntraId


def sign_in_routes(
    directory: Callable[[], EntraId], serve: Callable[[Request, Callable[[], Reply]], Response]
) -> list[BaseRoute]:
    """Give the routes of signing in.

    directory: gives the directory of now; serve: makes what it asks for a response, or fails as it was planned.
    """

    def answer(request: Request, ask: Callable[[], Reply]) -> Response:
        def asked() -> Reply:
            try:
                return ask()
            except EntraError as error:
                return Reply(error.status, error.body)

        return serve(request, asked)

    async def token(request: Request) -> Response:
        form = {name: str(value) for name, value in (await request.form()).items()}
        tenant = request.path_params.get("tenant", "adfs")
        return answer(request, lambda: directory().issue(tenant, form))

    async def discovery(request: Request) -> Response:
        url = f"{request.url.scheme}://{request.url.netloc}"
        tenant = request.path_params.get("tenant", "adfs")
        return answer(request, lambda: directory().discover(tenant, url))

    async def machine(request: Request) -> Response:
        has_header = request.headers.get("metadata", "").lower() == "true"
        return answer(request, lambda: directory().issue_to_machine(dict(request.query_params), has_header))

    return [
        Route("/adfs/oauth2/token", token, methods=["POST"]),
        Route("/adfs/.well-known/openid-configuration", discovery),
        Route("/{tenant}/oauth2/v2.0/token", token, methods=["POST"]),
        Route("/{tenant}/v2.0/.well-known/openid-configuration", discovery),
        Route("/metadata/identity/oauth2/token", machine),
    ]
