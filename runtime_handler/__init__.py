"""The runtime that every image carries: it serves one API of a Cortex project.

Where to look::

    contract.py      api.json: what a serving process must know (standard library only)
    errors.py        what can go wrong while serving, without HTTP numbers
    importing.py     the user's predictor class, from its file
    predictor.py     which arguments its methods declare, decided once at start
    starting.py      api.json -> a constructed predictor with its client
    service.py       composition root: Service.start(), Service.predict(request) -> answer
    calls.py         one request -> one call of predict; batched_calls.py: several requests -> one call
    codec.py         request body -> payload; prediction -> response body
    asgi.py, app.py  messages in and out; the ASGI callable: routes, readiness
    answers.py       answers that are ours: error -> status table
    threads.py       the threads that user code runs on, woken by wakeups.py; request_batches.py: which requests share a call
    sagemaker.py     SageMaker's multi-model routes
    status.py        /-/status of one process; replica_status.py: of several
    docs.py          FastAPI: /-/docs, imported when somebody asks for it
    entrypoints/     who calls the app: a server (one process, or a supervisor with several), or the Lambda runtime
    predictors/      python, onnx and tensorflow: loader and client; batching of client calls
    models/          which versions exist, what is loaded, what is on disk
    metrics/         EMF lines and prediction monitoring

The package is copied whole into every image and imports nothing of `packager` or `cdk_app`.
"""
