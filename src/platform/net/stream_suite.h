#pragma once
// One suite for every Stream, whatever carries it. For tests only: a test file of the module that
// implements one includes this and instantiates AnyStream with its kinds.

#include <gtest/gtest.h>

#include <functional>

#include "platform/net/net.h"

namespace mw::net {

struct Kind {
    const char* name;
    std::function<Result<StreamPair>(Loop&)> open;
    bool bytewise = false;  // slow: carries less
};
class AnyStream : public testing::TestWithParam<Kind> {
 protected:
    std::unique_ptr<Loop> loop = *Loop::open();
    StreamPair pair = *GetParam().open(*loop);

    template <class A>
    auto wait(A awaitable) {
        return sync_wait(*loop, within(seconds(10), std::move(awaitable)));
    }
    // Reads until `n` bytes are there or the peer's end.
    static Task<std::string> read_all(Stream& from, std::size_t n = SIZE_MAX) {
        std::string all;
        while (all.size() < n) {
            CO_TRY(ByteView bytes, co_await from.read());
            if (bytes.empty()) break;
            all += text_of(bytes);
        }
        co_return all;
    }
    static Task<> write_all(Stream& to, std::string text) {
        for (std::size_t at = 0; at < text.size(); at += 100'000) {
            CO_TRY_VOID(co_await to.writable());
            CO_TRY_VOID(to.write(std::string_view(text).substr(at, 100'000)));
        }
        to.finish();
        co_return co_await to.flush();
    }
};

inline std::string patterned(std::size_t size) {
    std::string text(size, ' ');
    for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * 31 + i / 251);
    return text;
}

TEST_P(AnyStream, carries_bytes_both_ways) {
    ASSERT_TRUE(pair.first->write("ping").ok());
    EXPECT_EQ(*wait(read_all(*pair.second, 4)), "ping");
    ASSERT_TRUE(pair.second->write("pong").ok());
    EXPECT_EQ(*wait(read_all(*pair.first, 4)), "pong");
    EXPECT_EQ(pair.first->bytes_written(), 4u);
    EXPECT_EQ(pair.first->bytes_read(), 4u);
}

TEST_P(AnyStream, writes_of_a_turn_keep_their_order) {
    for (char c = 'a'; c <= 'z'; ++c) ASSERT_TRUE(pair.first->write(std::string(1, c)).ok());
    EXPECT_EQ(*wait(read_all(*pair.second, 26)), "abcdefghijklmnopqrstuvwxyz");
}

TEST_P(AnyStream, carries_much_with_backpressure_then_ends) {
    std::string sent = patterned(GetParam().bytewise ? 20'000 : 5'000'000);
    Scope scope(*loop);
    scope.spawn(write_all(*pair.first, sent));
    auto got = wait(read_all(*pair.second));
    ASSERT_TRUE(got.ok()) << got.error().message;
    EXPECT_TRUE(*got == sent);
    EXPECT_TRUE(wait(scope.join()).ok());
}

TEST_P(AnyStream, one_side_may_finish_and_still_read) {
    ASSERT_TRUE(pair.first->write("question").ok());
    pair.first->finish();
    EXPECT_EQ(*wait(read_all(*pair.second)), "question");
    EXPECT_EQ(pair.first->write("more").error().code, Errc::io_failed);
    ASSERT_TRUE(pair.second->write("answer").ok());
    pair.second->finish();
    EXPECT_EQ(*wait(read_all(*pair.first)), "answer");
    EXPECT_TRUE((*wait(pair.first->read())).empty());  // and again
}

TEST_P(AnyStream, what_is_written_before_close_still_arrives) {
    ASSERT_TRUE(pair.first->write("farewell").ok());
    pair.first->close();
    EXPECT_EQ(*wait(read_all(*pair.second)), "farewell");
    EXPECT_FALSE(pair.first->is_open());
}

TEST_P(AnyStream, a_full_output_refuses_all_or_nothing) {
    pair.first->set_write_limit(10);
    EXPECT_TRUE(pair.first->write("12345678").ok());
    EXPECT_EQ(pair.first->write("abc").error().code, Errc::overloaded);
    EXPECT_TRUE(pair.first->write("90").ok());
    ASSERT_TRUE(wait(pair.first->flush()).ok());
    EXPECT_TRUE(pair.first->write("abc").ok());
    EXPECT_EQ(*wait(read_all(*pair.second, 13)), "1234567890abc");
}

TEST_P(AnyStream, a_silent_peer_times_out_and_may_be_read_again) {
    pair.first->set_idle_limit(milliseconds(3));
    EXPECT_EQ(wait(pair.first->read()).error().code, Errc::timed_out);
    pair.first->set_idle_limit(seconds(5));
    ASSERT_TRUE(pair.second->write("here").ok());
    EXPECT_EQ(*wait(read_all(*pair.first, 4)), "here");
}

TEST_P(AnyStream, a_cancelled_read_loses_nothing) {
    auto early = sync_wait(*loop, within(milliseconds(2), pair.first->read()));
    EXPECT_EQ(early.error().code, Errc::timed_out);
    ASSERT_TRUE(pair.second->write("late").ok());
    EXPECT_EQ(*wait(read_all(*pair.first, 4)), "late");
}

TEST_P(AnyStream, closing_ends_the_waits_of_others) {
    Result<ByteView> seen{ByteView{}};
    Scope scope(*loop);
    auto read = [&]() -> Task<> {
        seen = co_await pair.first->read();
        co_return Result<>{};
    };
    scope.spawn(read());
    loop->turn(false);
    pair.first->close();
    ASSERT_TRUE(wait(scope.join()).ok());
    EXPECT_EQ(seen.error().code, Errc::cancelled);
    EXPECT_EQ(wait(pair.first->flush()).error().code, Errc::cancelled);
}

TEST_P(AnyStream, destroying_it_ends_the_waits_of_others) {
    Result<ByteView> seen{ByteView{}};
    Result<> flushed;
    Scope scope(*loop);
    auto read = [&]() -> Task<> {
        seen = co_await pair.first->read();
        co_return Result<>{};
    };
    scope.spawn(read());
    loop->turn(false);
    pair.first.reset();
    ASSERT_TRUE(wait(scope.join()).ok());
    EXPECT_EQ(seen.error().code, Errc::cancelled);
}

TEST_P(AnyStream, a_reader_may_destroy_the_stream_it_reads) {
    Scope scope(*loop);
    auto serve = [](std::unique_ptr<Stream> stream) -> Task<> {
        CO_TRY(auto bytes, co_await stream->read());
        ignore(stream->write(bytes), "checked by the peer");
        co_return Result<>{};
    };
    scope.spawn(serve(std::move(pair.first)));
    ASSERT_TRUE(pair.second->write("x").ok());
    EXPECT_EQ(*wait(read_all(*pair.second)), "x");
    EXPECT_TRUE(wait(scope.join()).ok());
}

TEST_P(AnyStream, a_peer_that_goes_is_seen_by_reader_and_writer) {
    pair.second.reset();
    auto seen = wait(read_all(*pair.first));
    EXPECT_TRUE(!seen.ok() || seen->empty());
    Result<> written;
    for (int i = 0; i < 100 && written.ok(); ++i) {
        written = pair.first->write(std::string(50'000, 'x'));
        loop->turn(false);
    }
    EXPECT_FALSE(written.ok());
}

}  // namespace mw::net
