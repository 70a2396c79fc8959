"""JSON Schemas, AsyncAPI and OpenAPI, made from the message types and checked in."""
