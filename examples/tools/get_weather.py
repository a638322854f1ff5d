"""A tool of a directory: the file has the name of the function."""


def get_weather(city_name: str) -> str:
    """Get current weather information for the specified city.

    Args:
        city_name: The name of the city to query.
    """
    return f"Query result: {city_name} is sunny."
