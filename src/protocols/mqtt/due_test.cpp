#include "protocols/mqtt/due.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

#include "base/random.h"

namespace mw::mqtt {
namespace {

struct Entry final : Due {
    Entry(Agenda& agenda, int number) : Due(agenda), number(number) {}
    void on_due(SteadyTime) override {}
    int number;
};

std::vector<int> drain(Agenda& agenda) {
    std::vector<int> numbers;
    while (!agenda.empty()) {
        auto& entry = static_cast<Entry&>(agenda.first());
        entry.disarm();
        numbers.push_back(entry.number);
    }
    return numbers;
}

TEST(Agenda, gives_equal_times_in_the_order_they_were_armed) {
    Agenda agenda;
    std::vector<std::unique_ptr<Entry>> entries;
    for (int i = 0; i < 6; ++i) entries.push_back(std::make_unique<Entry>(agenda, i));
    for (int i : {3, 0, 5}) entries[static_cast<std::size_t>(i)]->arm({10});
    for (int i : {4, 1}) entries[static_cast<std::size_t>(i)]->arm({5});
    EXPECT_EQ(drain(agenda), (std::vector<int>{4, 1, 3, 0, 5}));
}

TEST(Agenda, forgets_who_is_disarmed_or_destroyed) {
    Agenda agenda;
    Entry kept(agenda, 1);
    {
        Entry destroyed(agenda, 2), disarmed(agenda, 3);
        destroyed.arm({1});
        disarmed.arm({2});
        kept.arm({3});
        disarmed.disarm();
        disarmed.disarm();
    }
    EXPECT_EQ(drain(agenda), (std::vector<int>{1}));
}

TEST(Agenda, keeps_its_order_through_thousands_of_changes) {
    const std::uint64_t seed = 7;
    SCOPED_TRACE(seed);
    SeededRandom random(seed);
    Agenda agenda;
    std::vector<std::unique_ptr<Entry>> entries;
    for (int i = 0; i < 200; ++i) entries.push_back(std::make_unique<Entry>(agenda, i));
    std::vector<std::int64_t> times(entries.size(), 0);  // 0: not armed
    for (int step = 0; step < 5'000; ++step) {
        const std::size_t at = random.below(entries.size());
        times[at] = random.below(3) == 0 ? 0 : static_cast<std::int64_t>(1 + random.below(50));
        if (times[at] == 0)
            entries[at]->disarm();
        else
            entries[at]->arm({times[at]});
    }
    std::vector<std::int64_t> wanted, got;
    for (std::int64_t time : times)
        if (time != 0) wanted.push_back(time);
    std::sort(wanted.begin(), wanted.end());
    for (int number : drain(agenda)) got.push_back(times[static_cast<std::size_t>(number)]);
    EXPECT_EQ(got, wanted);
}

}  // namespace
}  // namespace mw::mqtt
