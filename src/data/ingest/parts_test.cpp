// The smaller parts: ticket line, relays, dead letters.
#include <thread>

#include "base/random.h"
#include "data/ingest/ingest_fixture.h"

namespace mw::ingest {
namespace {

TEST(IngestTicketLine, a_ticket_waits_for_all_before_it) {
    using Log = TicketLine::Log;
    TicketLine line;
    const Ticket a = line.issue(Log::history, 5);
    const Ticket b = line.issue(Log::dead_letters, 1);
    const Ticket c = line.issue(Log::history, 6);
    EXPECT_FALSE(line.advance(Log::dead_letters, 1));
    EXPECT_EQ(line.durable(), Ticket{});
    EXPECT_TRUE(line.advance(Log::history, 5));
    EXPECT_EQ(line.durable(), b);
    EXPECT_LT(a, b);
    EXPECT_TRUE(line.advance(Log::history, 9));
    EXPECT_EQ(line.durable(), c);
    EXPECT_EQ(line.issue(Log::history, 9), Ticket{});
    EXPECT_EQ(line.waiting(), 0u);
}

struct Numbers {
    std::vector<int> all;
    bool empty() const { return all.empty(); }
};

TEST(IngestRelay, everything_arrives_once_in_order_on_the_other_loop) {
    auto here = std::move(Loop::open()).value();
    auto there = std::move(Loop::open()).value();
    std::vector<int> arrived;
    bool right_loop = true;
    std::thread other([&] { there->run(); });
    {
        Relay<Numbers> relay(*here, *there, [&](Numbers box) -> Task<> {
            right_loop = right_loop && &Loop::here() == there.get();
            arrived.insert(arrived.end(), box.all.begin(), box.all.end());
            co_return co_await yield();
        });
        for (int i = 0; i < 10'000; ++i) {
            relay.box().all.push_back(i);
            relay.wake();
            if (i % 7 == 0) here->turn(false);
        }
        EXPECT_TRUE(sync_wait(*here, relay.flush()));
        EXPECT_TRUE(sync_wait(*here, relay.stop()).ok());
    }
    there->stop();
    other.join();
    EXPECT_TRUE(right_loop);
    ASSERT_EQ(arrived.size(), 10'000u);
    EXPECT_TRUE(std::is_sorted(arrived.begin(), arrived.end()));
}

TEST(IngestRelay, decisions_beyond_the_capacity_name_their_device) {
    auto loop = std::move(Loop::open()).value();
    std::vector<DecisionBox> boxes;
    DecisionRelay relay(*loop, *loop, 2, [&](DecisionBox box) -> Task<> {
        boxes.push_back(std::move(box));
        co_return Result<>{};
    });
    for (const char* device : {"a", "b", "c", "c", "d"}) {
        Decision decision;
        decision.device.text = device;
        relay.offer(decision);
    }
    EXPECT_TRUE(sync_wait(*loop, relay.flush()));
    ASSERT_EQ(boxes.size(), 1u);
    EXPECT_EQ(boxes[0].decisions.size(), 2u);
    EXPECT_EQ(boxes[0].missed, (std::set<std::string>{"c", "d"}));
    EXPECT_EQ(relay.missed(), 3u);
    EXPECT_TRUE(sync_wait(*loop, relay.stop()).ok());
}

TEST(IngestRelay, newest_health_wins_and_nothing_else_is_lost) {
    auto loop = std::move(Loop::open()).value();
    ReportBox seen;
    ReportRelay relay(*loop, *loop, {.body_bytes = 10, .waiting = 2}, [&](ReportBox box) -> Task<> {
        seen = std::move(box);
        co_return Result<>{};
    });
    const auto report = [](TopicKind kind, std::string body) {
        return DeviceReport{
            .kind = kind, .device = "gw-1", .name = "", .body = std::move(body), .arrival = {}};
    };
    EXPECT_TRUE(relay.take(report(TopicKind::health, "1")));
    EXPECT_TRUE(relay.take(report(TopicKind::health, "2")));
    EXPECT_TRUE(relay.take(report(TopicKind::reported, "3")));
    EXPECT_TRUE(relay.take(report(TopicKind::event, "4")));
    EXPECT_EQ(relay.take(report(TopicKind::reported, "5")).error().code, Errc::overloaded);
    EXPECT_EQ(relay.take(report(TopicKind::event, "more than ten")).error().code,
              Errc::invalid_input);
    EXPECT_TRUE(sync_wait(*loop, relay.flush()));
    ASSERT_EQ(seen.newest.size(), 1u);
    EXPECT_EQ(seen.newest.at("gw-1").body, "2");
    ASSERT_EQ(seen.kept.size(), 2u);
    EXPECT_EQ(seen.kept[0].body, "3");
    EXPECT_TRUE(relay.take(report(TopicKind::reported, "5")));
    EXPECT_TRUE(sync_wait(*loop, relay.stop()).ok());
}

class IngestDeadLetters : public IngestFixture {
 protected:
    void reopen(DeadLetterOptions options) {
        letter_options_ = std::move(options);
        close();
        open();
    }
    Result<std::uint64_t> add(std::string_view reason, ByteView body) {
        return letters_->add({now}, "gw-1", "mw/v1/gw-1/data/main", reason, body);
    }
};

TEST_F(IngestDeadLetters, survive_a_power_cut_once_durable) {
    auto ticket = data("broken");
    ASSERT_TRUE(ticket.ok());
    wait_for(*ticket);
    const auto before = letters_->list("", 10);
    restart_after_power_cut();
    const auto after = letters_->list("", 10);
    ASSERT_EQ(after.size(), 1u);
    EXPECT_EQ(to_json(after[0]), to_json(before[0]));
}

TEST_F(IngestDeadLetters, keep_the_beginning_of_long_bodies_and_cut_texts_between_characters) {
    const std::string body(5'000, 'x');
    std::string reason(511, 'r');
    reason += "\u00e4\u00e4";
    ASSERT_TRUE(add(reason, bytes_of(body)).ok());
    const auto letter = letters_->list("gw-1", 1).at(0);
    EXPECT_EQ(letter.body.size(), 256u);
    EXPECT_EQ(letter.body_bytes, 5'000u);
    EXPECT_EQ(letter.reason.size(), 511u);
}

TEST_F(IngestDeadLetters, show_text_as_text_and_bytes_as_base64) {
    const struct {
        std::string body;
        const char* key;
        const char* shown;
    } rows[] = {
        {"{\"a\":1}\n", "body", "{\"a\":1}\n"},
        {"gr\xc3\xbc\xc3", "body", "gr\xc3\xbc"},  // the last character was cut off
        {std::string("a\0b", 3), "body_base64", "YQBi"},
        {"\xff\xfe", "body_base64", "//4="},
    };
    for (const auto& row : rows) {
        ASSERT_TRUE(add("why", bytes_of(row.body)).ok());
        EXPECT_EQ(find_string(to_json(letters_->list("", 1).at(0)), row.key), row.shown);
    }
}

TEST_F(IngestDeadLetters, are_bounded_in_memory_and_on_disk) {
    reopen({.directory = {}, .log_bytes_max = 64 << 10, .shown_max = 50});
    const std::string body(200, 'x');
    std::uint64_t last = 0;
    for (int i = 0; i < 3'000; ++i) {
        auto number = add("why", bytes_of(body));
        ASSERT_TRUE(number.ok());
        last = *number;
        while (i % 50 == 0 && letters_->durable() < last) {
            ASSERT_TRUE(loop_->turn(true));
        }
    }
    EXPECT_EQ(letters_->list("", 1'000).size(), 50u);
    EXPECT_EQ(letters_->list("", 1)[0].number, last);
    EXPECT_LE(letters_->log_bytes(), 64u << 10);
    while (letters_->durable() < last) ASSERT_TRUE(loop_->turn(true));
    close();
    std::uint64_t on_disk = 0;
    const auto entries = files_->list(root() + "/dead-letters");
    ASSERT_TRUE(entries.ok());
    for (const auto& entry : *entries) on_disk += entry.size;
    EXPECT_LT(on_disk, 128u << 10);  // of about 900 KiB written
    open();
    EXPECT_EQ(letters_->list("", 1)[0].number, last);
}

TEST(IngestForms, are_found_by_their_numbers_until_an_epoch_ends) {
    KnownDevice device;
    Forms forms;
    const std::uint64_t far = 9'000'000'000;
    EXPECT_EQ(forms.find(0, 1), nullptr);
    EXPECT_EQ(forms.find(255, 1), nullptr);
    forms.keep(255, {&device, {{1}}, {}, nullptr});
    forms.keep(256, {&device, {{2}, {3}}, {}, nullptr});
    forms.keep(far, {&device, {{4}}, {}, nullptr});
    forms.expect(far + 1'000);
    ASSERT_NE(forms.find(256, 1), nullptr);
    EXPECT_EQ(forms.find(256, 1)->series.size(), 2u);
    EXPECT_EQ(forms.find(255, 1)->series[0].index, 1u);
    EXPECT_EQ(forms.find(far, 1)->series[0].index, 4u);
    EXPECT_EQ(forms.find(257, 1), nullptr) << "of the same page";
    EXPECT_EQ(forms.find(255, 2), nullptr) << "rules changed";
    forms.keep(255, {&device, {{5}}, {}, nullptr});
    EXPECT_EQ(forms.find(255, 2)->series[0].index, 5u);
}

TEST(IngestForms, are_bounded_also_where_no_number_comes_twice) {
    KnownDevice device;
    Forms forms;
    const std::vector<history::SeriesRef> series(100);
    for (std::uint64_t number = 1; number <= 200'000; ++number)
        forms.keep(number * 7, {&device, series, {}, nullptr});
    EXPECT_EQ(forms.find(7, 0), nullptr);
    EXPECT_NE(forms.find(200'000 * 7, 0), nullptr);
}

}  // namespace
}  // namespace mw::ingest
