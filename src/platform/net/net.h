#pragma once
// The door of platform/net: byte streams over TCP, TLS and memory. The only sockets and TLS.
//
//   Stream                     stream.h    read, write, flush, finish, close, peer, certificate
//   Listener, connect          tcp.h       listening and connecting, with or without TLS
//   ListenerMetrics            metrics.h   a listener's counters, for Prometheus
//   TlsContext, TlsOptions     tls.h       certificates and whom we trust; swap to reload
//   Rider                      stream.h    what rides on a stream, as WebSocket does
//   make_stream_pair           fake_stream.h   two ends in memory, for tests and simulation
//
// Everything belongs to the loop it was made on. Each buffer has a limit (see Stream).

#include "platform/net/fake_stream.h"
#include "platform/net/metrics.h"
#include "platform/net/service_manager.h"
#include "platform/net/stream.h"
#include "platform/net/tcp.h"
#include "platform/net/tls.h"
