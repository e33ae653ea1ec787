#include "protocols/mqtt/journal_record.h"

#include <gtest/gtest.h>

namespace mw::mqtt {
namespace {

using RecordKind = JournalRecord::Kind;

// Every field that some kind has; each kind takes what is its own.
JournalRecord full(RecordKind kind) {
    JournalRecord record;
    record.kind = kind;
    record.session = 300;
    record.sequence = 1ull << 40;
    record.packet_id = 65'535;
    record.owner_kind = Identity::Kind::device;
    record.owner = "pump-1";
    record.client_id = "c";
    record.expiry_s = 4'294'967'295;
    record.ends_at_ns = 1'800'000'000'000'000'000;
    record.has_will = true;
    record.will_retain = true;
    record.will_delay_s = 5;
    record.filter = "a/+/#";
    record.options = {QoS::exactly_once, true, true, RetainHandling::never};
    record.subscription_id = 268'435'455;
    record.message = {"t", bytes_of("payload"), bytes_of("prop"), QoS::at_least_once, 77};
    static const TargetList targets = [] {
        TargetList list;
        list.add({1, 2, QoS::at_least_once, true, {}, {}});
        list.add({1ull << 33, 9, QoS::exactly_once, false, {1, 300}, "$share/g/t"});
        return list;
    }();
    record.target_count = targets.count;
    record.targets = targets.bytes;
    return record;
}

Bytes bytes_of_record(const JournalRecord& record) {
    Bytes bytes;
    encode(bytes, record);
    return bytes;
}

TEST(JournalRecord, every_kind_reads_as_it_was_written) {
    for (int kind = 1; kind <= 14; ++kind) {
        const Bytes bytes = bytes_of_record(full(static_cast<RecordKind>(kind)));
        JournalRecord read;
        const auto decoded = decode(bytes, read);
        ASSERT_TRUE(decoded) << kind << ": " << decoded.error().message;
        EXPECT_EQ(bytes_of_record(read), bytes) << kind;
    }
}

TEST(JournalRecord, a_message_keeps_its_targets_and_where_it_came_from) {
    const Bytes bytes = bytes_of_record(full(RecordKind::message));
    JournalRecord read;
    ASSERT_TRUE(decode(bytes, read));
    EXPECT_EQ(read.session, 300u);
    EXPECT_EQ(read.packet_id, 65'535);
    EXPECT_EQ(text_of(read.message.payload), "payload");
    EXPECT_EQ(read.message.expires_at_ns, 77);
    ASSERT_EQ(read.target_count, 2u);
    MessageTarget first, second;
    next_target(read.targets, first);
    next_target(read.targets, second);
    EXPECT_TRUE(read.targets.empty());
    EXPECT_TRUE(first.retain);
    EXPECT_EQ(first.share, "");
    EXPECT_EQ(second.session, 1ull << 33);
    EXPECT_EQ(second.qos, QoS::exactly_once);
    EXPECT_EQ(second.subscription_ids, (std::vector<std::uint32_t>{1, 300}));
    EXPECT_EQ(second.share, "$share/g/t");
}

TEST(JournalRecord, whatever_is_cut_or_longer_is_refused) {
    for (int kind = 1; kind <= 14; ++kind) {
        Bytes bytes = bytes_of_record(full(static_cast<RecordKind>(kind)));
        JournalRecord read;
        for (std::size_t size = 0; size < bytes.size(); ++size)
            EXPECT_FALSE(decode(ByteView(bytes).first(size), read)) << kind << " cut to " << size;
        bytes.push_back(0);
        EXPECT_EQ(decode(bytes, read).error().code, Errc::corrupt) << kind;
    }
    JournalRecord read;
    EXPECT_FALSE(decode(Bytes{0, 1}, read));
    EXPECT_FALSE(decode(Bytes{15, 1}, read));
}

}  // namespace
}  // namespace mw::mqtt
