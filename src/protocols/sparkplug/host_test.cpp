// Conversations between edge nodes and the host, as text. Each line is one step:
//   > TYPE[/DEVICE] PAYLOAD   a message of QoS 0 by plant/line (test_payload.h); >1 of QoS 1
//   + 5s                      time passes; what is due happens
//   ! full, ! room            storage has none, or has some again; ! half: for one batch
//   < ...                     what came out, one line each, in order and nothing else; from ... on
//                             it may be anything
// A line that begins with | goes on with the one before it.
#include "protocols/sparkplug/host_fixture.h"

namespace mw::sparkplug {
namespace {

struct Conversation {
    const char* name;
    const char* text;
};

constexpr Conversation conversations[] = {
    {"births_and_data_become_points_by_name_and_alias", R"(
        > NBIRTH seq=0 t=1000 bdSeq=1 | temp a=1 y=10 v=20 unit=Cel | Node_Control/Rebirth y=11 v=0
        < gw temp[Cel] @1000 = 20 good
        > DBIRTH/pump seq=1 t=1001 | flow a=2 y=3 v=-7
        < gw pump/flow @1001 = -7 good
        > NDATA seq=2 t=1002 | - a=1 v=21 t=1500
        < gw temp[Cel] @1500 = 21 good
        > DDATA/pump seq=3 t=1003 | - a=2 as=3 v=8 | flow as=3 v=9 t=1004
        < gw pump/flow @1003 = 8 good
        < gw pump/flow @1004 = 9 good
        )"},
    {"texts_and_large_integers_are_points_and_stale_ones_too", R"(
        > NBIRTH seq=0 t=1000 | state a=1 y=12 v=IDLE | n a=2 y=4 v=9007199254740993
        < gw state @1000 = "IDLE" good
        < gw n @1000 = 9007199254740993 good
        > DBIRTH/pump seq=1 t=1001 | id a=3 y=15 v=0af | none a=4 y=12 null
        < gw pump/id @1001 = "0af" good
        < gw pump/none @1001 = nan bad not_a_number
        > NDATA seq=2 t=1002 | - a=1 as=12 v=RUN | - a=2 as=4 v=-5
        < gw state @1002 = "RUN" good
        < gw n @1002 = -5 good
        > DDATA/pump seq=3 t=1003 | - a=3 as=4 v=7
        > NDATA seq=4 t=1004 | - a=2 as=4 v=9223372036854775807
        < gw n @1004 = 9223372036854775807 good
        > NDEATH t=1
        < gw state @1e+06 = "RUN" bad stale
        < gw n @1e+06 = 9223372036854775807 bad stale
        < gw pump/id @1e+06 = "0af" bad stale
        )"},
    {"a_device_with_its_own_resource_gets_its_points", R"(
        > NBIRTH seq=0 t=1000
        > DBIRTH/press seq=1 t=1001 | force a=2 y=9 v=1.5
        < press-7 force @1001 = 1.5 good
        > NDEATH t=1
        < press-7 force @1e+06 = 1.5 bad stale
        )"},
    {"any_seq_begins_a_session_and_255_is_before_0", R"(
        > NBIRTH seq=254 t=1000 | temp a=1 y=10 v=20
        < gw temp @1000 = 20 good
        > NDATA seq=255 t=1001 | - a=1 v=21
        < gw temp @1001 = 21 good
        > NDATA seq=0 t=1002 | - a=1 v=22
        < gw temp @1002 = 22 good
        )"},
    {"what_comes_too_early_waits_for_what_is_before_it", R"(
        > NBIRTH seq=0 t=1000 | temp a=1 y=10 v=20
        < gw temp @1000 = 20 good
        > DDATA/pump seq=3 t=1003 | - a=2 v=3
        > NDATA seq=2 t=1002 | - a=1 v=22
        > DBIRTH/pump seq=1 t=1001 | flow a=2 y=10 v=1
        < gw pump/flow @1001 = 1 good
        < gw temp @1002 = 22 good
        < gw pump/flow @1003 = 3 good
        + 1m
        )"},
    {"a_gap_is_given_up_in_time_and_what_comes_later_is_still_taken", R"(
        > NBIRTH seq=0 t=1000 | temp a=1 y=10 v=20
        < gw temp @1000 = 20 good
        > NDATA seq=3 t=1003 | - a=1 v=23
        > NDATA seq=2 t=1002 | - a=1 v=22
        + 4s
        + 1s
        < spBv1.0/plant/NCMD/line qos0
        < gw temp @1002 = 22 good
        < gw temp @1003 = 23 good
        > NDATA seq=1 t=1001 | - a=1 v=21
        < gw temp @1001 = 21 good
        > NDATA seq=4 t=1004 | - a=1 v=24
        < gw temp @1004 = 24 good
        )"},
    {"what_still_waits_after_progress_has_its_time_anew", R"(
        > NBIRTH seq=0 t=1000 | temp a=1 y=10 v=20
        < gw temp @1000 = 20 good
        > NDATA seq=2 t=1002 | - a=1 v=22
        > NDATA seq=4 t=1004 | - a=1 v=24
        + 4s
        > NDATA seq=1 t=1001 | - a=1 v=21
        < gw temp @1001 = 21 good
        < gw temp @1002 = 22 good
        + 4s
        + 1s
        < spBv1.0/plant/NCMD/line qos0
        < gw temp @1004 = 24 good
        )"},
    {"what_is_held_when_its_node_dies_is_taken_first", R"(
        > NBIRTH seq=0 t=1000 | temp a=1 y=10 v=20
        < gw temp @1000 = 20 good
        > NDATA seq=2 t=1002 | - a=1 v=22
        > NDEATH
        < gw temp @1002 = 22 good
        < gw temp @1e+06 = 22 bad stale
        + 1h
        )"},
    {"a_dead_node_is_not_asked_to_be_born", R"(
        > NBIRTH seq=0 t=1000
        > DDATA/pump seq=2 t=1002 | - a=1 v=22
        > NDEATH
        < buried gw spBv1.0/plant/DDATA/line/pump: no birth of this device was...
        + 1h
        )"},
    {"what_is_no_signal_makes_no_point", R"(
        > NBIRTH seq=0 t=1000 | a y=10 v=1 trans | b y=10 v=2 t=9200000000001 | c"d y=10 v=3
| Node_Control/Rebirth y=11 v=0 | s y=17 v=x | ok y=10 v=4
        < gw ok @1000 = 4 good
        )"},
    {"a_devices_birth_above_qos_0_does_not_wait", R"(
        > NBIRTH seq=0 t=1000
        >1 DBIRTH/pump seq=200 t=1001 | flow a=2 y=10 v=7
        < spBv1.0/plant/NCMD/line qos0
        < gw pump/flow @1001 = 7 good
        > DDATA/pump seq=1 t=1002 | - a=2 v=8
        < gw pump/flow @1002 = 8 good
        )"},
    {"a_number_seen_before_is_kept_apart_and_a_birth_is_asked_for", R"(
        > NBIRTH seq=0 t=1000 | temp a=1 y=10 v=20
        < gw temp @1000 = 20 good
        > NDATA seq=0 t=1001 | - a=1 v=21
        < spBv1.0/plant/NCMD/line qos0
        < buried gw spBv1.0/plant/NDATA/line: seq 0 was seen before...
        )"},
    {"above_qos_0_nothing_waits", R"(
        > NBIRTH seq=0 t=1000 | temp a=1 y=10 v=20
        < gw temp @1000 = 20 good
        > NDATA seq=2 t=1002 | - a=1 v=22
        >1 NDATA seq=4 t=1004 | - a=1 v=24
        < spBv1.0/plant/NCMD/line qos0
        < gw temp @1002 = 22 good
        < gw temp @1004 = 24 good
        > NDATA seq=5 t=1005 | - a=1 v=25
        < gw temp @1005 = 25 good
        )"},
    {"data_before_a_birth_asks_for_one_and_seldom", R"(
        > NDATA seq=7 t=1000 | - a=1 v=20
        < spBv1.0/plant/NCMD/line qos0
        < buried gw spBv1.0/plant/NDATA/line: no birth of this edge node was seen...
        > NDATA seq=8 t=1000 | - a=1 v=20
        < buried gw spBv1.0/plant/NDATA/line: no birth of this edge node was seen...
        + 9s
        + 1s
        < spBv1.0/plant/NCMD/line qos0
        > NDATA seq=9 t=1000 | - a=1 v=20
        < buried gw spBv1.0/plant/NDATA/line: no birth of this edge node was seen...
        + 19s
        + 1s
        < spBv1.0/plant/NCMD/line qos0
        + 1h
        )"},
    {"a_birth_answers_and_nobody_asks_any_more", R"(
        > NDATA seq=7 t=1000 | - a=1 v=20
        < spBv1.0/plant/NCMD/line qos0
        < buried gw spBv1.0/plant/NDATA/line: no birth of this edge node was seen...
        > NDATA seq=8 t=1000 | - a=1 v=20
        < buried gw spBv1.0/plant/NDATA/line: no birth of this edge node was seen...
        > NBIRTH seq=0 t=1000 | temp a=1 y=10 v=20
        < gw temp @1000 = 20 good
        + 1h
        )"},
    {"an_unknown_alias_asks_for_a_birth_and_the_rest_is_stored", R"(
        > NBIRTH seq=0 t=1000 | temp a=1 y=10 v=20
        < gw temp @1000 = 20 good
        > NDATA seq=1 t=1001 | - a=9 v=1 | - a=1 v=21
        < gw temp @1001 = 21 good
        < spBv1.0/plant/NCMD/line qos0
        < buried gw spBv1.0/plant/NDATA/line: aliases or names that no birth told...
        )"},
    {"a_new_metric_with_name_and_type_is_taken_and_a_birth_asked_for", R"(
        > NBIRTH seq=0 t=1000
        > NDATA seq=1 t=1001 | temp a=1 y=10 v=21
        < gw temp @1001 = 21 good
        < spBv1.0/plant/NCMD/line qos0
        > NDATA seq=2 t=1002 | - a=1 v=22
        < gw temp @1002 = 22 good
        )"},
    {"aliases_are_those_of_the_last_birth", R"(
        > NBIRTH seq=0 t=1000 | temp a=1 y=10 v=20 | load a=2 y=10 v=5
        < gw temp @1000 = 20 good
        < gw load @1000 = 5 good
        > NBIRTH seq=0 t=1001 | temp a=2 y=10 v=21
        < gw temp @1001 = 21 good
        > NDATA seq=1 t=1002 | - a=2 v=22
        < gw temp @1002 = 22 good
        > NDATA seq=2 t=1003 | - a=1 v=23
        < spBv1.0/plant/NCMD/line qos0
        < buried gw spBv1.0/plant/NDATA/line: aliases or names that no birth told...
        )"},
    {"a_nodes_death_makes_its_signals_and_its_devices_stale_once", R"(
        > NBIRTH seq=0 t=1000 bdSeq=3 | temp a=1 y=10 v=20
        < gw temp @1000 = 20 good
        > DBIRTH/pump seq=1 t=1001 | flow a=2 y=10 v=7
        < gw pump/flow @1001 = 7 good
        > NDEATH t=5 bdSeq=3
        < gw temp @1e+06 = 20 bad stale
        < gw pump/flow @1e+06 = 7 bad stale
        > NDEATH t=5 bdSeq=3
        > DDATA/pump seq=2 t=1002 | - a=2 v=8
        < spBv1.0/plant/NCMD/line qos0
        < buried gw spBv1.0/plant/DDATA/line/pump: no birth of this edge node...
        )"},
    {"the_death_of_an_earlier_session_says_nothing", R"(
        > NBIRTH seq=0 t=1000 bdSeq=3 | temp a=1 y=10 v=20
        < gw temp @1000 = 20 good
        > NDEATH bdSeq=2
        > NDATA seq=1 t=1001 | - a=1 v=21
        < gw temp @1001 = 21 good
        > NDEATH
        < gw temp @1e+06 = 21 bad stale
        )"},
    {"a_devices_death_is_told_at_its_own_time", R"(
        > NBIRTH seq=0 t=1000 | temp a=1 y=10 v=20
        < gw temp @1000 = 20 good
        > DBIRTH/pump seq=1 t=1001 | flow a=2 y=10 v=7
        < gw pump/flow @1001 = 7 good
        > DDEATH/pump seq=2 t=1500
        < gw pump/flow @1500 = 7 bad stale
        > DDATA/pump seq=3 t=1002 | - a=2 v=8
        < spBv1.0/plant/NCMD/line qos0
        < buried gw spBv1.0/plant/DDATA/line/pump: no birth of this device was...
        > NDATA seq=4 t=1600 | - a=1 v=21
        < gw temp @1600 = 21 good
        )"},
    {"devices_that_are_not_born_again_with_their_node_become_stale", R"(
        > NBIRTH seq=0 t=1000
        > DBIRTH/pump seq=1 t=1001 | flow a=2 y=10 v=7
        < gw pump/flow @1001 = 7 good
        > DBIRTH/fan seq=2 t=1001 | speed a=3 y=10 v=9
        < gw fan/speed @1001 = 9 good
        > NBIRTH seq=0 t=1002
        > DBIRTH/fan seq=1 t=1003 | speed a=3 y=10 v=10
        < gw fan/speed @1003 = 10 good
        + 29s
        + 1s
        < gw pump/flow @1.03e+06 = 7 bad stale
        + 1h
        )"},
    {"what_was_held_when_the_node_was_born_again_is_not_misread", R"(
        > NBIRTH seq=0 t=1000 | temp a=1 y=10 v=20
        < gw temp @1000 = 20 good
        > DBIRTH/pump seq=3 t=1004 | flow a=2 y=10 v=7
        > NDATA seq=2 t=1002 | - a=1 v=22
        > NBIRTH seq=2 t=1003 | load a=1 y=10 v=5
        < gw load @1003 = 5 good
        < buried gw spBv1.0/plant/NDATA/line: a gap before it, and then...
        < gw pump/flow @1004 = 7 good
        + 1h
        )"},
    {"a_devices_birth_before_its_nodes_waits", R"(
        > NBIRTH seq=0 t=1000
        > NDATA seq=1 t=1000
        > DBIRTH/pump seq=1 t=1001 | flow a=2 y=10 v=7
        > NBIRTH seq=0 t=1002
        < gw pump/flow @1001 = 7 good
        + 1h
        )"},
    {"the_sources_quality_is_kept", R"(
        > NBIRTH seq=0 t=1000 | a y=10 v=1 q=192 | b y=10 v=2 q=0 | c y=10 v=3 q=500
| d y=10 v=4 q=64 | e y=10 null | f y=10 v=nan | g y=10 v=5 hist | h y=10 v=6 hist q=0
        < gw g @1000 = 5 good historical replayed
        < gw h @1000 = 6 bad source_bad replayed
        < gw a @1000 = 1 good
        < gw b @1000 = 2 bad source_bad
        < gw c @1000 = 3 bad stale
        < gw d @1000 = 4 uncertain source_uncertain
        < gw e @1000 = nan bad not_a_number
        < gw f @1000 = nan bad not_a_number
        )"},
    {"an_old_value_is_not_the_last_known_one", R"(
        > NBIRTH seq=0 t=1000 | a y=10 v=1
        < gw a @1000 = 1 good
        > NDATA seq=1 t=2000 | a v=9 t=500 hist | a v=2 t=2000
        < gw a @500 = 9 good historical replayed
        < gw a @2000 = 2 good
        > NDEATH
        < gw a @1e+06 = 2 bad stale
        )"},
    {"a_clock_ahead_of_ours_does_not_hide_staleness", R"(
        > NBIRTH seq=0 t=1000 | a y=10 v=1 t=1000007
        < gw a @1.00001e+06 = 1 good
        > NDEATH
        < gw a @1.00001e+06 = 1 bad stale
        )"},
    {"what_storage_refuses_is_offered_again_and_stored_once", R"(
        ! half
        > NBIRTH seq=0 t=1000 | a a=1 y=10 v=1 | b y=10 v=2 hist
        < gw b @1000 = 2 good historical replayed
        < full
        ! room
        > NBIRTH seq=0 t=1000 | a a=1 y=10 v=1 | b y=10 v=2 hist
        < gw a @1000 = 1 good
        ! full
        > NDATA seq=1 t=1001 | - a=1 v=3
        < full
        ! room
        > NDATA seq=1 t=1001 | - a=1 v=3
        < gw a @1001 = 3 good
        )"},
    {"a_death_that_storage_has_no_room_for_is_told_later", R"(
        > NBIRTH seq=0 t=1000 | a y=10 v=1
        < gw a @1000 = 1 good
        > DBIRTH/pump seq=1 t=1001 | flow y=10 v=7
        < gw pump/flow @1001 = 7 good
        ! half
        > NDEATH
        < gw a @1e+06 = 1 bad stale
        < full
        + 250ms
        < full
        ! room
        + 250ms
        < gw pump/flow @1e+06 = 7 bad stale
        + 1h
        )"},
    {"held_messages_that_storage_has_no_room_for_go_on_later", R"(
        > NBIRTH seq=0 t=1000 | a a=1 y=10 v=1
        < gw a @1000 = 1 good
        > NDATA seq=2 t=1002 | - a=1 v=3
        ! half
        > NDATA seq=1 t=1001 | - a=1 v=2
        < gw a @1001 = 2 good
        < full
        ! room
        + 250ms
        < gw a @1002 = 3 good
        + 1h
        )"},
    {"what_is_no_payload_is_a_dead_letter", R"(
        > NBIRTH seq=300
        < buried gw spBv1.0/plant/NBIRTH/line: seq 300: want 0 to 255
        > NBIRTH seq=0 uuid=SPBV1.0_COMPRESSED
        < buried gw spBv1.0/plant/NBIRTH/line: the payload is compressed...
        > NBIRTH seq=0
        > NDATA seq=256
        < buried gw spBv1.0/plant/NDATA/line: seq 256: want 0 to 255
        )"},
};

class HostConversations : public testing::TestWithParam<Conversation> {};

TEST_P(HostConversations, goes_as_written) {
    Plant plant({.host_id = ""});
    plant.declare({{"gw", {"plant", "line", ""}}, {"press-7", {"plant", "line", "press"}}});
    plant.converse(GetParam().text);
}

INSTANTIATE_TEST_SUITE_P(All, HostConversations, testing::ValuesIn(conversations),
                         [](const auto& info) { return info.param.name; });

TEST(Host, a_text_that_can_t_be_stored_is_skipped_and_counted) {
    Plant plant;
    plant.declare({{"gw", {"plant", "line", ""}}});
    const std::string too_long(text_value_bytes_max + 1, 'x');
    ASSERT_TRUE(
        plant.say("NBIRTH seq=0 t=1000 | a y=12 v=\xff | b y=12 v=" + too_long + " | c y=12 v=ok")
            .ok());
    EXPECT_EQ(plant.outlet.log.back(), "gw c @1000 = \"ok\" good");
    EXPECT_EQ(plant.registry
                  .counter("millwright_sparkplug_skipped_metrics_total", "", {{"reason", "text"}})
                  .value(),
              2U);
}

TEST(Host, state_is_told_when_there_is_an_edge_node_and_when_it_ends) {
    Plant plant;
    plant.declare({});
    plant.host.stop();
    EXPECT_TRUE(plant.outlet.log.empty());
    plant.declare({{"gw", {"plant", "line", ""}}});
    plant.declare({{"gw", {"plant", "line", ""}}, {"gw-2", {"plant", "line-2", ""}}});
    plant.pass(seconds{1});
    plant.host.stop();
    EXPECT_THAT(plant.outlet.log, testing::ElementsAre("spBv1.0/STATE/millwright retained qos1 "
                                                       "{\"online\":true,\"timestamp\":1000000}",
                                                       "spBv1.0/STATE/millwright retained qos1 "
                                                       "{\"online\":false,\"timestamp\":1001000}"));
}

TEST(Host, nodes_that_nobody_declared_are_nobodys) {
    Plant plant({.host_id = ""});
    plant.declare({{"pump", {"plant", "line", "pump"}}});  // without its node
    EXPECT_EQ(plant.say("NBIRTH seq=0 t=1 | a y=10 v=1").value(), Ticket{0});
    EXPECT_EQ(plant.host.receive("spBv1.0/STATE/x", bytes_of("{}"), {}).value(), Ticket{0});
    EXPECT_EQ(plant.say("NCMD t=1").value(), Ticket{0});
    EXPECT_TRUE(plant.outlet.log.empty());
    EXPECT_EQ(plant.counted("undeclared_messages_total"), 1);
}

TEST(Host, a_node_whose_resources_change_is_asked_to_be_born_again) {
    Plant plant({.host_id = ""});
    plant.declare({{"gw", {"plant", "line", ""}}});
    plant.converse(R"(
        > NBIRTH seq=0 t=1000
        > DBIRTH/pump seq=1 t=1001 | flow a=2 y=10 v=7
        < gw pump/flow @1001 = 7 good)");
    plant.declare({{"gw", {"plant", "line", ""}}, {"pump-1", {"plant", "line", "pump"}}});
    EXPECT_THAT(plant.outlet.log, testing::ElementsAre("spBv1.0/plant/NCMD/line qos0"));
    plant.outlet.log.clear();
    plant.converse(R"(
        > NBIRTH seq=0 t=1000
        > DBIRTH/pump seq=1 t=1001 | flow a=2 y=10 v=7
        < pump-1 flow @1001 = 7 good)");
    plant.declare({});
    EXPECT_EQ(plant.say("NDATA seq=2 t=1").value(), Ticket{0});
    EXPECT_TRUE(plant.outlet.log.empty());
}

TEST(Host, holds_so_much_and_then_gives_up_the_gap) {
    struct Row {
        const char* what;
        HostOptions options;
    };
    HostOptions few{.host_id = ""}, small{.host_id = ""}, little{.host_id = ""};
    few.held_messages = 2;
    small.held_bytes = 40;
    little.held_bytes_in_all = 40;
    for (const Row& row :
         {Row{"messages", few}, Row{"bytes", small}, Row{"bytes in all", little}}) {
        SCOPED_TRACE(row.what);
        Plant plant(row.options);
        plant.declare({{"gw", {"plant", "line", ""}}});
        plant.converse(R"(
            > NBIRTH seq=0 t=1000 | a a=1 y=10 v=1
            < gw a @1000 = 1 good
            > NDATA seq=2 t=1002 | - a=1 v=2
            > NDATA seq=3 t=1003 | - a=1 v=3
            > NDATA seq=4 t=1004 | - a=1 v=4
            < spBv1.0/plant/NCMD/line qos0
            < gw a @1002 = 2 good
            < gw a @1003 = 3 good
            < gw a @1004 = 4 good
            + 1h)");
        EXPECT_EQ(plant.counted("gaps_total"), 1);
        EXPECT_EQ(plant.counted("held_messages_total"), 2);
        EXPECT_EQ(plant.registry.gauge("millwright_sparkplug_held_bytes", "").value(), 0);
    }
}

TEST(Host, a_node_has_so_many_metrics_and_devices) {
    HostOptions options{.host_id = ""};
    options.metrics_per_node = 3;
    options.devices_per_node = 1;
    Plant plant(options);
    plant.declare({{"gw", {"plant", "line", ""}}});
    plant.converse(R"(
        > NBIRTH seq=0 t=1 | a y=10 v=1 | b y=10 v=2
        < gw a @1 = 1 good
        < gw b @1 = 2 good
        > DBIRTH/pump seq=1 t=2 | c y=10 v=3 | d y=10 v=4
        < gw pump/c @2 = 3 good
        > DBIRTH/pump seq=2 t=3 | c y=10 v=5 | d y=10 v=4
        < gw pump/c @3 = 5 good
        > DBIRTH/fan seq=3 t=2 | e y=10 v=3
        < buried gw spBv1.0/plant/DBIRTH/line/fan: more than 1 devices behind one edge node
        > NDATA seq=4 t=4 | f y=10 v=6
        < spBv1.0/plant/NCMD/line qos0)");
    EXPECT_EQ(
        plant.registry
            .counter("millwright_sparkplug_skipped_metrics_total", "", {{"reason", "too_many"}})
            .value(),
        3u);
}

TEST(Host, a_whole_plant_is_not_asked_at_once) {
    HostOptions options{.host_id = ""};
    options.rebirths_per_second = 3;
    Plant plant(options);
    Addresses addresses;
    for (int i = 0; i < 5; ++i)
        addresses["gw-" + std::to_string(i)] = {"plant", "line-" + std::to_string(i), ""};
    plant.declare(addresses);
    for (int i = 0; i < 5; ++i)
        ignore(plant.host.receive("spBv1.0/plant/NDATA/line-" + std::to_string(i),
                                  TestPayload::from("seq=3"), {}),
               "the log tells");
    const auto asked = [&] {
        return std::count_if(plant.outlet.log.begin(), plant.outlet.log.end(),
                             [](const auto& line) { return line.starts_with("spBv1.0"); });
    };
    EXPECT_EQ(asked(), 3);
    plant.pass(seconds{1});
    EXPECT_EQ(asked(), 5);
}

}  // namespace
}  // namespace mw::sparkplug
