// Messages that another loop of the broker has read become what they become when the data loop
// reads them itself.
#include "data/ingest/ingest.h"
#include "data/ingest/ingest_fixture.h"

namespace mw::ingest {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

constexpr std::string_view topic = "mw/v1/gw-1/data/main";

class ReadElsewhere : public IngestFixture {
 protected:
    ReadElsewhere() : preparer_(ingest_->preparer()) {
        auto rules = std::make_shared<quality::RuleSet>();
        rules->profile = "pump";
        rules->signals["p"] = {.unit = "bar", .min = 0, .max = 10};
        facts_ = {rules, "pump-1", "north"};
        ingest_->put_device("gw-1", facts_);
    }
    Result<Ticket> offer(std::string_view body, mqtt::Prepared* prepared) {
        mqtt::PublishProperties properties;
        properties.prepared = prepared;
        if (prepared && prepared->is_whole()) body = {};
        return ingest_->publish({mqtt::Identity::Kind::device, "gw-1"}, topic, bytes_of(body),
                                properties);
    }
    Result<Ticket> read_and_offer(std::string_view body) {
        auto message = preparer_->prepare(topic, bytes_of(body));
        auto ticket = offer(body, message.get());
        preparer_->take_back(std::move(message));
        return ticket;
    }
    static std::string frame(std::int64_t after, double value, std::uint64_t sequence) {
        return R"({"signal":"p","unit":"mbar","t":)" + std::to_string(now - 1'000 + after) +
               ",\"v\":" + std::to_string(value) + ",\"seq\":" + std::to_string(sequence) + "}";
    }

    std::unique_ptr<mqtt::Preparer> preparer_;
};

TEST_F(ReadElsewhere, points_are_what_they_are_otherwise) {
    Batch columns;
    columns.times = {{now - 500}, {now - 400}};
    columns.values = {1, 99};
    columns.quality.assign(2, Quality::good());
    columns.runs = {{"p", "", 0, 2}};
    Bytes binary;
    payload::encode_binary(columns, binary, true);
    const std::vector<std::string> bodies{frame(1, 1'500, 1), frame(2, 20'000, 2),
                                          std::string(text_of(binary)), frame(1, 1'500, 1)};
    for (const auto& body : bodies) ASSERT_TRUE(offer(body, nullptr).ok());
    const auto want = rows();
    ASSERT_THAT(want, SizeIs(4));
    EXPECT_EQ(std::get<3>(want[0]), 1.5);  // bar
    restart_after_power_cut();
    ingest_->put_device("gw-1", facts_);
    if (!rows().empty()) GTEST_FAIL() << "the disk kept what nobody synced";
    for (const auto& body : bodies) ASSERT_TRUE(read_and_offer(body).ok());
    EXPECT_EQ(rows(), want);
    EXPECT_EQ(counted("duplicate_messages_total"), 1u);
}

TEST_F(ReadElsewhere, what_cannot_be_read_is_kept_with_its_body) {
    ASSERT_TRUE(read_and_offer(R"({"signal":"p","t":"high","v":1})").ok());
    ASSERT_TRUE(read_and_offer(frame(1, 1, 1)).ok());
    const auto letters = letters_->list("gw-1", 10);
    ASSERT_THAT(letters, SizeIs(1));
    EXPECT_THAT(std::string(text_of(letters[0].body)), HasSubstr("high"));
    EXPECT_THAT(letters[0].reason, HasSubstr("want"));
    EXPECT_THAT(rows(), SizeIs(1));
}

TEST_F(ReadElsewhere, a_message_without_room_is_converted_and_judged_once) {
    files_->limit_space(0);
    ASSERT_TRUE(read_and_offer(frame(1, 1'000, 1)).ok());  // accepted, not yet written
    while (!history_->failure()) ASSERT_TRUE(loop_->turn(true));
    const auto body = frame(2, 2'000, 2);
    const auto message = preparer_->prepare(topic, bytes_of(body));
    for (int i = 0; i < 3; ++i)
        EXPECT_EQ(offer(body, message.get()).error().code, Errc::overloaded);
    files_->limit_space(std::nullopt);
    Result<Ticket> taken = offer(body, message.get());
    while (!taken.ok()) {
        ASSERT_TRUE(loop_->turn(true));
        taken = offer(body, message.get());
    }
    wait_for(*taken);
    ASSERT_THAT(rows(), SizeIs(2));
    EXPECT_EQ(std::get<3>(rows()[1]), 2);
    EXPECT_EQ(ingest_->scorecard()[0].counters.duplicates, 0u);
    EXPECT_EQ(ingest_->scorecard()[0].counters.points, 2u);
}

TEST_F(ReadElsewhere, only_what_becomes_points_is_read_and_only_what_goes_up_is_wanted) {
    EXPECT_EQ(preparer_->prepare("mw/v1/gw-1/decision/m", bytes_of("{}")), nullptr);
    EXPECT_EQ(preparer_->prepare("spBv1.0/g/NDATA/n", bytes_of("")), nullptr);
    EXPECT_TRUE(preparer_->wants(topic));
    EXPECT_TRUE(preparer_->wants("mw/v1/gw-1/no/such"));  // a dead letter
    EXPECT_TRUE(preparer_->wants("spBv1.0/g/NDATA/n"));
    EXPECT_FALSE(preparer_->wants("mw/v1/gw-1/desired"));
    EXPECT_FALSE(preparer_->wants("plant/line/1"));
}

TEST_F(ReadElsewhere, memory_comes_back_to_be_used_again) {
    auto first = preparer_->prepare(topic, bytes_of(frame(1, 1, 1)));
    const auto* place = first.get();
    preparer_->take_back(std::move(first));
    auto second = preparer_->prepare(topic, bytes_of(frame(2, 1, 2)));
    EXPECT_EQ(second.get(), place);
    std::string many = R"({"t0":1,"dt":1,"frame":{"p":[0)";
    for (int i = 0; i < 5'000; ++i) many += ",1";
    many += "]}}";
    preparer_->take_back(std::move(second));
    auto large = preparer_->prepare(topic, bytes_of(many));
    EXPECT_GT(large->bytes(), 5'000 * 17u);
    preparer_->take_back(std::move(large));  // not kept
    auto next = preparer_->prepare(topic, bytes_of(frame(3, 1, 3)));
    EXPECT_LT(next->bytes(), 5'000u);
}

}  // namespace
}  // namespace mw::ingest
