#include "platform/cache/cache.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>

namespace mw {
namespace {

using Cache = SharedCache<std::string, std::string>;

void put(Cache& cache, const std::string& key, std::size_t bytes) {
    cache.put(key, std::make_shared<const std::string>("value of " + key), bytes);
}

TEST(SharedCache, KeepsWhatWasUsedLastWithinItsBytes) {
    Cache cache(100);
    for (const char* key : {"a", "b", "c", "d"}) put(cache, key, 25);
    EXPECT_EQ(cache.bytes(), 100u);
    ASSERT_TRUE(cache.get("a"));
    EXPECT_EQ(*cache.get("a"), "value of a");
    put(cache, "e", 20);
    EXPECT_EQ(cache.bytes(), 95u);
    EXPECT_FALSE(cache.get("b"));  // asked for longest ago
    for (const char* key : {"a", "c", "d", "e"}) EXPECT_TRUE(cache.get(key)) << key;
}

TEST(SharedCache, AValueThatWouldDriveOutTheRestIsNotKept) {
    Cache cache(100);
    put(cache, "a", 25);
    put(cache, "large", 26);
    EXPECT_FALSE(cache.get("large"));
    EXPECT_TRUE(cache.get("a"));
}

TEST(SharedCache, ASecondValueTakesThePlaceOfTheFirst) {
    Cache cache(100);
    put(cache, "a", 20);
    const auto held = cache.get("a");
    cache.put("a", std::make_shared<const std::string>("newer"), 10);
    EXPECT_EQ(*cache.get("a"), "newer");
    EXPECT_EQ(*held, "value of a");
    EXPECT_EQ(cache.bytes(), 10u);
}

TEST(SharedCache, ThreadsMayShareIt) {
    Cache cache(1'000);
    auto work = [&cache](int seed) {
        for (int i = 0; i < 2'000; ++i) {
            const std::string key = std::to_string((i * 7 + seed) % 60);
            if (const auto found = cache.get(key))
                EXPECT_EQ(*found, "value of " + key);
            else
                put(cache, key, 50);
        }
    };
    std::thread other(work, 3);
    work(5);
    other.join();
    EXPECT_LE(cache.bytes(), 1'000u);
    EXPECT_GT(cache.bytes(), 900u);
}

}  // namespace
}  // namespace mw
