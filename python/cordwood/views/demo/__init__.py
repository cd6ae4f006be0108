"""`cordwood demo`: a real web service under load, a worker killed, every accepted record counted.

    service   the application: Starlette, ordinary `logging` calls, httpx to talk to itself
    server    uvicorn with several workers of it
    ledger    what the workers say was accepted, kept outside Cordwood
    load      a client that keeps the service busy, and the kill in the middle
    check     the ledger against the files
    show      what is printed
    run       one after the other
"""
