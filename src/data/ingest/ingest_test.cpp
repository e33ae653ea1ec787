#include "data/ingest/ingest.h"

#include "base/random.h"
#include "data/ingest/ingest_fixture.h"

namespace mw::ingest {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

constexpr std::int64_t now = 1'700'000'000'000'000'000;

std::string value_at(std::int64_t time, double value, std::uint64_t sequence = 0) {
    return "{\"signal\":\"p\",\"t\":" + std::to_string(time) + ",\"v\":" + std::to_string(value) +
           ",\"seq\":" + std::to_string(sequence) + "}";
}

std::string decision_at(std::int64_t to, std::uint64_t sequence = 0, std::string model = "valve",
                        std::string device = "gw-1") {
    Decision decision;
    decision.device.text = std::move(device);
    decision.model = std::move(model);
    decision.version = "1";
    decision.position.sequence = sequence;
    decision.window_from = {to - 10};
    decision.window_to = {to};
    decision.score = 0.5;
    decision.decision = true;
    std::string text;
    payload::encode(decision, text);
    return text;
}

class IngestDoor : public IngestFixture {
 protected:
    IngestDoor() {
        auto rules = std::make_shared<quality::RuleSet>();
        rules->profile = "pump";
        rules->signals["p"] = {.unit = "bar", .min = 0, .max = 10};
        facts_ = {rules, "pump-1", "north"};
        ingest_->put_device("gw-1", facts_);
    }
};

// A batch of p and x as a sender with a memory makes it.
Batch formed(std::uint64_t form, std::int64_t time, double p) {
    Batch batch;
    batch.form = form;
    batch.device.text = "gw-1";
    batch.times = {{time}, {time}};
    batch.values = {p, 1};
    batch.quality.assign(2, Quality::good());
    batch.runs = {{"p", "", 0, 1}, {"x", "", 1, 2}};
    return batch;
}

TEST_F(IngestDoor, batches_of_one_form_are_judged_and_stored_as_others_are) {
    const std::uint64_t form = new_form();
    std::vector<Row> want;
    for (std::int64_t i = 0; i < 4; ++i) {
        Batch batch = formed(i == 2 ? 0 : form, now + i, i == 3 ? 99 : 1);
        ASSERT_TRUE(ingest_->accept(batch));
        const std::uint8_t code = i == 3 ? Quality::bad(Reason::range).code : 192;
        want.emplace_back("gw-1", "p", now + i, batch.values[0], code);
        want.emplace_back("gw-1", "x", now + i, 1, Quality::uncertain(Reason::undeclared).code);
    }
    std::sort(want.begin(), want.end());
    EXPECT_EQ(rows(), want);
    EXPECT_EQ(ingest_->scorecard().size(), 2u) << "one memory for both ways";
}

TEST_F(IngestDoor, a_form_outlives_neither_its_device_nor_its_rules) {
    const std::uint64_t form = new_form();
    Batch batch = formed(form, now, 5);
    ASSERT_TRUE(ingest_->accept(batch));
    auto rules = std::make_shared<quality::RuleSet>();
    rules->signals["p"] = {.min = 0, .max = 1};
    facts_.rules = rules;
    ingest_->put_device("gw-1", facts_);
    batch = formed(form, now + 1, 5);
    ASSERT_TRUE(ingest_->accept(batch));
    EXPECT_EQ(batch.quality[0], Quality::bad(Reason::range));
    ingest_->remove_device("gw-1");
    batch = formed(form, now + 2, 5);
    EXPECT_EQ(ingest_->accept(batch).error().code, Errc::denied);
    ingest_->put_device("gw-1", facts_);
    batch = formed(form, now + 3, 0.5);
    ASSERT_TRUE(ingest_->accept(batch));
    EXPECT_EQ(rows().size(), 6u);
}

TEST_F(IngestDoor, values_in_another_unit_are_converted_once_at_the_door) {
    const std::int64_t t = 1'699'999'999'000'000'000;
    ASSERT_TRUE(data(R"({"t":1699999999000000000,"values":{"p":250},"units":{"p":"kPa"}})"));
    ASSERT_TRUE(data(R"({"t":1699999999000000001,"values":{"p":2.5}})"));
    ASSERT_TRUE(data(R"({"t":1699999999000000002,"values":{"p":2.5},"units":{"p":"Cel"}})"));
    ASSERT_TRUE(data(R"({"t":1699999999000000003,"values":{"p":3000},"units":{"p":"kPa"}})"));
    // As a sender with a memory: the same batch again and again, and again when it was pushed back.
    Batch batch = formed(new_form(), t + 4, 250);
    const std::uint64_t form = batch.form;
    for (std::int64_t i = 0; i < 3; ++i) {
        batch = formed(form, t + 4 + i, 250);
        batch.runs[0].unit = "kPa";
        ASSERT_TRUE(ingest_->accept(batch));
        EXPECT_EQ(batch.runs[0].unit, "bar");
        ASSERT_TRUE(ingest_->accept(batch)) << "offered again";
    }
    std::vector<Row> p;
    for (const Row& row : rows())
        if (std::get<1>(row) == "p") p.push_back(row);
    const std::uint8_t bad_unit = Quality::bad(Reason::unit).code;
    const std::uint8_t out_of_range = Quality::bad(Reason::range).code;
    EXPECT_EQ(p, (std::vector<Row>{{"gw-1", "p", t, 2.5, 192},
                                   {"gw-1", "p", t + 1, 2.5, 192},
                                   {"gw-1", "p", t + 2, 2.5, bad_unit},
                                   {"gw-1", "p", t + 3, 30, out_of_range},
                                   {"gw-1", "p", t + 4, 2.5, 192},
                                   {"gw-1", "p", t + 5, 2.5, 192},
                                   {"gw-1", "p", t + 6, 2.5, 192}}));
}

TEST_F(IngestDoor, a_binary_message_is_stored_once_and_what_is_wrong_is_buried) {
    Batch batch = formed(0, now, 2);
    batch.position.sequence = 1;
    Bytes bytes;
    payload::encode_binary(batch, bytes);
    for (int i = 0; i < 2; ++i) ASSERT_TRUE(data(text_of(bytes)));
    EXPECT_EQ(counted("points_total"), 2u);
    EXPECT_EQ(counted("duplicate_messages_total"), 1u);
    bytes.clear();
    batch.position.sequence = 2;
    payload::encode_binary(batch, bytes, true);
    ASSERT_TRUE(data(text_of(bytes)));
    EXPECT_EQ(rows().size(), 2u) << "the same times again";
    bytes.push_back(0);
    ASSERT_TRUE(data(text_of(bytes)));
    batch.device.text = "gw-2";
    bytes.clear();
    payload::encode_binary(batch, bytes);
    ASSERT_TRUE(data(text_of(bytes)));
    EXPECT_EQ(counted("dead_letters_total"), 2u);
    ASSERT_TRUE(data(R"({"t":1700000000000000001,"values":{"p":1}})"));
    EXPECT_EQ(rows().size(), 3u);
}

TEST_F(IngestDoor, a_message_is_judged_stored_and_durable_at_its_ticket) {
    auto ticket = data(R"({"t0":1699999999000000000,"dt":1000,"frame":{"p":[1,99],"x":[3]}})");
    ASSERT_TRUE(ticket.ok()) << ticket.error().message;
    EXPECT_GT(ticket->value, 0u);
    EXPECT_LT(ingest_->durable(), *ticket);
    const std::int64_t t = 1'699'999'999'000'000'000;
    EXPECT_EQ(rows(),
              (std::vector<Row>{{"gw-1", "p", t, 1, 192},
                                {"gw-1", "p", t + 1000, 99, Quality::bad(Reason::range).code},
                                {"gw-1", "x", t, 3, Quality::uncertain(Reason::undeclared).code}}));
    wait_for(*ticket);
    EXPECT_EQ(counted("points_total"), 3u);
    EXPECT_EQ(counted("points_bad_total"), 1u);
    EXPECT_EQ(counted("points_uncertain_total"), 1u);
    EXPECT_EQ(ingest_->scorecard().size(), 2u);
    EXPECT_EQ(history_->series()->at({0}).unit, "bar");  // the declared one
}

TEST_F(IngestDoor, listeners_hear_of_durable_tickets_in_order) {
    std::vector<Ticket> told;
    ingest_->on_durable([&](Ticket ticket) { told.push_back(ticket); });
    Ticket last;
    for (int i = 0; i < 5; ++i) {
        auto point = data(value_at(now + i, 1));
        auto letter = data("broken");
        ASSERT_TRUE(point.ok() && letter.ok());
        EXPECT_LT(*point, *letter);
        EXPECT_LT(last, *point);
        last = *letter;
    }
    wait_for(last);
    EXPECT_TRUE(std::is_sorted(told.begin(), told.end()));
    EXPECT_EQ(told.back(), last);
}

TEST_F(IngestDoor, a_resend_is_acknowledged_and_neither_stored_nor_judged_again) {
    auto first = data(value_at(now, 1, 7));
    auto again = data(value_at(now, 1, 7));
    ASSERT_TRUE(first.ok() && again.ok());
    EXPECT_THAT(rows(), SizeIs(1));
    EXPECT_EQ(counted("duplicate_messages_total"), 1u);
    EXPECT_EQ(ingest_->scorecard()[0].counters.duplicates, 0u);
    wait_for(*again);
    EXPECT_EQ(data(value_at(now, 1, 7)).value(), Ticket{});  // durable already
    restart_after_power_cut();
    EXPECT_EQ(data(value_at(now, 1, 7)).value(), Ticket{});
    EXPECT_THAT(rows(), SizeIs(1));
}

TEST_F(IngestDoor, each_stream_counts_for_itself) {
    ASSERT_TRUE(data(value_at(now, 1, 7)).ok());
    ASSERT_TRUE(publish("mw/v1/gw-1/data/other", value_at(now + 1, 1, 7)).ok());
    EXPECT_THAT(rows(), SizeIs(2));
}

TEST_F(IngestDoor, topics_decide_what_a_message_is) {
    const struct {
        const char* topic;
        const char* becomes;  // what the reason says, or "" for plain MQTT
    } rows[] = {
        {"factory/line1/temperature", ""},
        {"mw/v1/gw-1/desired", ""},
        {"mw/v1/gw-1/command/4711", ""},
        {"mw/v2/gw-1/data/main", ""},
        {"mw/v1/gw-1/data", "no such topic"},
        {"mw/v1/gw-1/data/", "no such topic"},
        {"mw/v1/gw-1/data/a/b", "no such topic"},
        {"mw/v1/gw-1/health/x", "no such topic"},
        {"mw/v1//health", "no such topic"},
        {"mw/v1/gw-1/unknown", "no such topic"},
        {"mw/v1/gw-1/data/\x01", "stream: byte 0"},
    };
    for (const auto& row : rows) {
        const auto before = letters_->list("", 100).size();
        auto ticket = publish(row.topic, "{}");
        ASSERT_TRUE(ticket.ok()) << row.topic;
        const auto letters = letters_->list("", 100);
        ASSERT_EQ(letters.size(), before + (*row.becomes ? 1 : 0)) << row.topic;
        if (*row.becomes) {
            EXPECT_THAT(letters[0].reason, HasSubstr(row.becomes)) << row.topic;
        }
    }
}

TEST_F(IngestDoor, what_cannot_be_decoded_is_kept_with_its_reason) {
    const struct {
        const char* topic;
        std::string body;
        const char* says;
    } rows[] = {
        {"mw/v1/gw-1/data/main", "", "empty message"},
        {"mw/v1/gw-1/data/main", "\xff\xfe\x01", "not JSON"},
        {"mw/v1/gw-1/data/main", R"({"t":1,"values":{"p":["1"]}})", "values.p (byte"},
        {"mw/v1/gw-1/decision/valve", "{}", "device"},
        {"mw/v1/gw-1/decision/valve", "[", "line 1"},
        {"mw/v1/gw-1/decision/valve", decision_at(now, 0, "bearing"), "'model' is not the topic's"},
        {"mw/v1/gw-1/decision/valve", decision_at(now, 0, "valve", "gw-2"),
         "'device' is not the topic's"},
    };
    for (const auto& row : rows) {
        auto ticket = publish(row.topic, row.body);
        ASSERT_TRUE(ticket.ok()) << row.says;
        EXPECT_GT(ticket->value, 0u);
        const auto letters = letters_->list("gw-1", 1);
        ASSERT_THAT(letters, SizeIs(1));
        EXPECT_THAT(letters[0].reason, HasSubstr(row.says));
        EXPECT_EQ(letters[0].topic, row.topic);
        EXPECT_EQ(text_of(letters[0].body), row.body);
        EXPECT_EQ(letters[0].arrival.ns, now);
        wait_for(*ticket);
    }
    EXPECT_EQ(counted("dead_letters_total"), std::size(rows));
    EXPECT_TRUE(this->rows().empty());
}

TEST_F(IngestDoor, an_unknown_device_is_refused_and_seen) {
    auto refused = publish("mw/v1/gw-9/data/main", value_at(now, 1));
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, Errc::denied);
    EXPECT_THAT(letters_->list("gw-9", 10), SizeIs(1));
    EXPECT_EQ(counted("unknown_device_messages_total"), 1u);
    ingest_->put_device("gw-9", {});
    EXPECT_TRUE(publish("mw/v1/gw-9/data/main", value_at(now, 1)).ok());
    ingest_->remove_device("gw-9");
    EXPECT_FALSE(publish("mw/v1/gw-9/data/main", value_at(now, 1)).ok());
    Batch batch;
    batch.device.text = "gw-9";
    EXPECT_EQ(ingest_->accept(batch).error().code, Errc::denied);
}

TEST_F(IngestDoor, decisions_are_stored_and_offered_once) {
    ASSERT_TRUE(publish("mw/v1/gw-1/decision/valve", decision_at(now, 3)).ok());
    auto again = publish("mw/v1/gw-1/decision/valve", decision_at(now, 3));
    ASSERT_TRUE(again.ok());
    ASSERT_THAT(taps_.decisions, SizeIs(1));
    EXPECT_EQ(taps_.decisions[0].asset, "pump-1");
    EXPECT_EQ(taps_.decisions[0].position.stream, "decision/valve");
    std::size_t stored = 0;
    for (const auto& head : history_->snapshot_here({}).heads) stored += head->decisions().size();
    EXPECT_EQ(stored, 1u);
    wait_for(*again);
    restart_after_power_cut();
    EXPECT_EQ(publish("mw/v1/gw-1/decision/valve", decision_at(now, 3)).value(), Ticket{});
    EXPECT_THAT(taps_.decisions, SizeIs(1));
}

TEST_F(IngestDoor, reports_go_to_whoever_listens_and_push_back_when_they_cannot) {
    ASSERT_EQ(publish("mw/v1/gw-1/health", "{\"cpu\":1}").value(), Ticket{});
    ASSERT_EQ(publish("mw/v1/gw-1/reply/42", "{}").value(), Ticket{});
    ASSERT_THAT(taps_.reports, SizeIs(2));
    EXPECT_EQ(taps_.reports[0].kind, TopicKind::health);
    EXPECT_EQ(taps_.reports[0].body, "{\"cpu\":1}");
    EXPECT_EQ(taps_.reports[1].name, "42");
    taps_.full = true;
    EXPECT_EQ(publish("mw/v1/gw-1/reported", "{}").error().code, Errc::overloaded);
    EXPECT_EQ(counted("pushed_back_messages_total"), 1u);
}

TEST_F(IngestDoor, another_unit_makes_points_bad_and_leaves_the_series_unit) {
    ASSERT_TRUE(data(R"({"signal":"p","t":1699999999000000000,"v":1,"unit":"Cel"})").ok());
    ASSERT_TRUE(data(R"({"signal":"p","t":1699999999000000001,"v":1,"unit":"bar"})").ok());
    EXPECT_EQ(std::get<4>(rows()[0]), Quality::bad(Reason::unit).code);
    EXPECT_EQ(std::get<4>(rows()[1]), Quality::good().code);
    EXPECT_EQ(history_->series()->size(), 1u);
    EXPECT_EQ(history_->series()->at({0}).unit, "bar");
}

TEST_F(IngestDoor, new_rules_hold_from_the_next_message) {
    ASSERT_TRUE(data(value_at(now - 2, 50)).ok());
    facts_.rules = nullptr;
    ingest_->put_device("gw-1", facts_);
    ASSERT_TRUE(data(value_at(now - 1, 50)).ok());
    EXPECT_EQ(std::get<4>(rows()[0]), Quality::bad(Reason::range).code);
    EXPECT_EQ(std::get<4>(rows()[1]), Quality::good().code);
}

class FullDisk : public IngestDoor {};

TEST_F(FullDisk, pushes_back_and_judges_each_message_once) {
    files_->limit_space(0);
    ASSERT_TRUE(data(value_at(now - 100, 1, 1)).ok());  // accepted, not yet written
    while (!history_->failure()) ASSERT_TRUE(loop_->turn(true));
    const auto message = value_at(now - 99, 1, 2);
    for (int i = 0; i < 3; ++i) {
        auto refused = data(message);
        ASSERT_FALSE(refused.ok());
        EXPECT_EQ(refused.error().code, Errc::overloaded);
    }
    files_->limit_space(std::nullopt);
    Result<Ticket> taken = data(message);
    while (!taken.ok()) {
        ASSERT_TRUE(loop_->turn(true));
        taken = data(message);
    }
    wait_for(*taken);
    const auto counters = ingest_->scorecard()[0].counters;
    EXPECT_EQ(counters.points, 2u);
    EXPECT_EQ(counters.duplicates, 0u);
    EXPECT_EQ(rows().size(), 2u);
}

// Acknowledged is stored, once, whatever the power does; the sender sends again what was not
// acknowledged, as an outbox does.
TEST_F(IngestDoor, power_cuts_lose_nothing_acknowledged_and_repeat_nothing) {
    SeededRandom random(17);
    std::uint64_t acknowledged = 0;
    const auto message = [](std::uint64_t sequence) {
        return value_at(now - 1'000'000 + static_cast<std::int64_t>(sequence), 1, sequence);
    };
    for (int life = 0; life < 15; ++life) {
        std::vector<Ticket> tickets;
        const std::uint64_t first = acknowledged + 1;
        for (std::uint64_t i = 0; i < 5 + random.below(40); ++i) {
            auto ticket = data(message(first + i));
            ASSERT_TRUE(ticket.ok());
            tickets.push_back(*ticket);
            for (std::uint64_t turns = random.below(3); turns > 0; --turns) loop_->turn(false);
        }
        while (acknowledged - first + 1 < tickets.size() &&
               tickets[acknowledged - first + 1] <= ingest_->durable())
            ++acknowledged;
        restart_after_power_cut(random.next());
        ASSERT_GE(rows().size(), acknowledged) << "life " << life;
    }
    for (std::uint64_t sequence = acknowledged + 1; sequence <= 500; ++sequence)
        ASSERT_TRUE(data(message(sequence)).ok());
    ASSERT_EQ(rows().size(), 500u);
    for (std::uint64_t i = 0; i < 500; ++i)
        EXPECT_EQ(std::get<2>(rows()[i]), now - 1'000'000 + static_cast<std::int64_t>(i) + 1);
}

TEST_F(IngestDoor, after_a_restart_quality_goes_on_where_it_was) {
    auto rules = std::make_shared<quality::RuleSet>();
    rules->profile = "pump";
    rules->signals["p"] = {.stuck_after = seconds{2}};
    facts_.rules = rules;
    ingest_->put_device("gw-1", facts_);
    auto first = data(value_at(now - 3'000'000'000, 5));
    ASSERT_TRUE(first.ok());
    wait_for(*first);
    restart_after_power_cut();
    ASSERT_TRUE(data(value_at(now, 5)).ok());
    EXPECT_EQ(std::get<4>(rows()[1]), Quality::uncertain(Reason::stuck).code);
}

}  // namespace
}  // namespace mw::ingest
