// The suite on TCP, TLS, memory, and memory that gives one byte at a time.
#include <gtest/gtest.h>

#include "platform/net/stream_suite.h"
#include "platform/net/throwaway_pki.h"

namespace mw::net {
namespace {

std::shared_ptr<const TlsContext> server_tls() {
    Pem own = pki().issue("server", "DNS:localhost,IP:127.0.0.1");
    return *TlsContext::server({.certificate_chain = own.certificate, .private_key = own.key});
}

Result<StreamPair> socket_pair(Loop& loop, bool tls) {
    ListenOptions options;
    if (tls) options.tls = server_tls();
    TRY(auto listener, Listener::open(loop, options));
    ConnectOptions to{.host = "127.0.0.1", .port = listener->address().port};
    if (tls) {
        TRY(to.tls, TlsContext::client({.trusted = pki().ca()}));
    }
    StreamPair pair;
    Scope scope(loop);
    auto dial = [&]() -> Task<> {
        CO_TRY(pair.first, co_await connect(to));
        co_return Result<>{};
    };
    scope.spawn(dial());
    TRY(pair.second, sync_wait(loop, within(seconds(5), listener->accept())));
    TRY_VOID(sync_wait(loop, within(seconds(5), scope.join())));
    return pair;
}

INSTANTIATE_TEST_SUITE_P(
    Streams, AnyStream,
    testing::Values(Kind{"tcp", [](Loop& l) { return socket_pair(l, false); }},
                    Kind{"tls", [](Loop& l) { return socket_pair(l, true); }},
                    Kind{"memory", [](Loop& l) { return Result<StreamPair>(make_stream_pair(l)); }},
                    Kind{"bytewise",
                         [](Loop& l) {
                             FakeStreamOptions o{.capacity = 64, .chunk = 1};
                             return Result<StreamPair>(make_stream_pair(l, o));
                         },
                         true}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(FakeStream, works_in_virtual_time_and_can_be_cut) {
    SimulatedClock clock;
    auto loop = *Loop::open({.simulated = &clock});
    auto pair = make_stream_pair(*loop);
    pair.first->set_idle_limit(hours(2));
    EXPECT_EQ(sync_wait(*loop, pair.first->read()).error().code, Errc::timed_out);
    EXPECT_GE(clock.steady().ns, nanoseconds(hours(2)).count());
    cut(*pair.first);
    EXPECT_EQ(sync_wait(*loop, pair.second->read()).error().code, Errc::io_failed);
}

TEST(FakeStream, bytes_kept_past_the_turn_are_overwritten) {
    auto loop = *Loop::open();
    auto pair = make_stream_pair(*loop);
    ASSERT_TRUE(pair.second->write("precious").ok());
    auto keep = [&]() -> Task<std::string> {
        CO_TRY(auto bytes, co_await pair.first->read());
        CO_TRY_VOID(co_await sleep_for(microseconds(10)));
        co_return std::string(text_of(bytes));
    };
    EXPECT_EQ(*sync_wait(*loop, keep()), std::string(8, '\xDD'));
}

}  // namespace
}  // namespace mw::net
