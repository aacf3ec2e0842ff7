"""The admin panel: starlette-admin over the services that the API uses. Only the function `admin` ever imports this."""
