#pragma once
// The door of platform/http: HTTP/1.1, server and client, over platform/net's streams.
//
//   Request, Response, Headers, Method   message.h
//   Router                               router.h    /v1/devices/{name}, per-route body limits
//   Server                               server.h    keep-alive, limits, streaming, time limits
//   event_stream, file-like downloads    body.h      Server-Sent Events, Range
//   ServerMetrics                        metrics.h   for Server::on_served
//   Client                               client.h    requests, downloads, event streams
//   accept_websocket, open_websocket     websocket.h a stream in RFC 6455's frames
//
// Belongs to the loop it was made on. Parsing is Boost.Beast's, hidden in wire.cpp.

#include "platform/http/body.h"
#include "platform/http/client.h"
#include "platform/http/message.h"
#include "platform/http/metrics.h"
#include "platform/http/router.h"
#include "platform/http/server.h"
#include "platform/http/stop_switch.h"
#include "platform/http/websocket.h"
