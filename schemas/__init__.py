"""What crosses the wire: message types, their codecs, and the JSON Schemas made from them.

May import the standard library, msgspec and orjson; nothing else, and no other room.
"""
