"""The runtime that every image carries: it serves one API of a Cortex project.

Where to look::

    contract.py      api.json: what a serving process must know (standard library only)
    errors.py        what can go wrong while serving, without HTTP numbers
    importing.py     the user's predictor class, from its file
    service.py       composition root: ServeSpec -> Service; Service.predict(request) -> response
    codec.py         request body -> payload; prediction -> response body
    app.py           the ASGI callable: routes, readiness, error -> status table
    entrypoints/     who calls the app: an HTTP server, or a Lambda function
    predictors/      python, onnx and tensorflow: layout rule, loader, client
    models/          which versions exist, what is loaded, what is on disk
    metrics/         EMF lines and prediction monitoring

The package is copied whole into every image and imports nothing of `packager` or `cdk_app`.
"""
