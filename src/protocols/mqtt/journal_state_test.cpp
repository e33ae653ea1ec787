#include "protocols/mqtt/journal_state.h"

#include <gtest/gtest.h>

namespace mw::mqtt {
namespace {

using RecordKind = JournalRecord::Kind;

// Applies records one frame after another.
class StateOfAJournal : public testing::Test {
 protected:
    void say(RecordKind kind, SessionNumber session, Sequence sequence = 0, PacketId id = 0,
             const std::vector<MessageTarget>& targets = {}) {
        TargetList list;
        for (const MessageTarget& target : targets) list.add(target);
        JournalRecord record;
        record.kind = kind;
        record.session = session;
        record.sequence = sequence;
        record.packet_id = id;
        record.filter = "f";
        record.client_id = "c";
        record.message.topic = "t";
        record.target_count = list.count;
        record.targets = list.bytes;
        state_.apply(record, {++frame_, 0, 1});
    }
    void owe(SessionNumber session, Sequence sequence, QoS qos) {
        say(RecordKind::message, 0, 0, 0, {{session, sequence, qos, false, {}, {}}});
    }
    FoundSession& session(SessionNumber number) { return state_.sessions.at(number); }
    // PUBREL is owed for a negative one.
    std::vector<std::int64_t> owed(SessionNumber number) {
        std::vector<std::int64_t> all;
        for (const FoundTarget& target : session(number).owed) {
            const auto sequence = static_cast<std::int64_t>(target.sequence);
            all.push_back(target.message != nullptr ? sequence : -sequence);
        }
        return all;
    }
    using All = std::vector<std::int64_t>;

    JournalState state_;
    std::uint64_t frame_ = 0;
};

TEST_F(StateOfAJournal, a_session_may_stand_behind_what_belongs_to_it) {
    say(RecordKind::subscribed, 1);
    owe(1, 1, QoS::at_least_once);
    say(RecordKind::session, 1);
    say(RecordKind::subscribed, 2);  // of a session that is declared nowhere
    state_.finish();
    EXPECT_TRUE(session(1).declared);
    EXPECT_EQ(session(1).filters.size(), 1u);
    EXPECT_EQ(owed(1), All{1});
    EXPECT_FALSE(session(2).declared);
    EXPECT_EQ(state_.last_session, 2u);
}

TEST_F(StateOfAJournal, what_is_done_is_owed_no_more_and_what_was_taken_is_owed_pubrel) {
    say(RecordKind::session, 1);
    for (Sequence n = 1; n <= 5; ++n) owe(1, n, QoS::exactly_once);
    say(RecordKind::done, 1, 4);
    say(RecordKind::taken, 1, 3);
    say(RecordKind::taken, 1, 1);
    say(RecordKind::done_through, 1, 2);
    state_.finish();
    EXPECT_EQ(owed(1), (All{-3, 5}));
    EXPECT_EQ(session(1).taken.size(), 1u);
    EXPECT_TRUE(session(1).taken.contains(3));
    EXPECT_EQ(session(1).last, 5u);
}

TEST_F(StateOfAJournal, an_ended_session_is_owed_nothing_and_its_number_is_used_up) {
    say(RecordKind::session, 7);
    say(RecordKind::received, 7, 0, 9);
    owe(7, 1, QoS::at_least_once);
    say(RecordKind::ended, 7);
    owe(7, 2, QoS::at_least_once);
    state_.finish();
    EXPECT_FALSE(state_.sessions.contains(7));
    EXPECT_EQ(state_.messages.size(), 1u);  // of before; no session is left to be given it
    EXPECT_EQ(state_.last_session, 7u);
}

TEST_F(StateOfAJournal, a_message_that_was_moved_is_owed_once_and_in_its_place) {
    say(RecordKind::session, 1);
    for (Sequence n = 1; n <= 4; ++n) owe(1, n, QoS::at_least_once);
    say(RecordKind::done, 1, 2);
    for (const Sequence n : {1u, 3u}) owe(1, n, QoS::at_least_once);
    state_.finish();
    EXPECT_EQ(owed(1), (All{1, 3, 4}));
    EXPECT_EQ(session(1).owed[0].message->place.frame, 7u);
}

TEST_F(StateOfAJournal, a_qos_2_message_is_received_by_its_own_record) {
    say(RecordKind::session, 1);
    say(RecordKind::message, 1, 0, 42, {});
    EXPECT_TRUE(session(1).received.contains(42));
    say(RecordKind::released, 1, 0, 42);
    EXPECT_FALSE(session(1).received.contains(42));
}

TEST_F(StateOfAJournal, what_was_dropped_and_came_back_counts_no_more) {
    say(RecordKind::session, 1);
    say(RecordKind::subscribed, 1);
    say(RecordKind::message, 1, 0, 42, {{1, 1, QoS::at_least_once, false, {}, {}}});
    say(RecordKind::taken, 1, 2);
    say(RecordKind::retained, 0);
    // Here stood what ended them, in a segment that stayed away.
    const std::uint64_t dropped = frame_;
    say(RecordKind::session, 1);
    say(RecordKind::dropped, 0, dropped);
    state_.finish();
    EXPECT_TRUE(session(1).declared);
    EXPECT_TRUE(session(1).filters.empty());
    EXPECT_TRUE(session(1).received.empty());
    EXPECT_TRUE(session(1).taken.empty());
    EXPECT_TRUE(owed(1).empty());
    EXPECT_TRUE(state_.retained.empty());
}

}  // namespace
}  // namespace mw::mqtt
