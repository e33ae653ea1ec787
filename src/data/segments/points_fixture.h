#pragma once
// Series in memory for tests of files: as said, or drawn by lot.

#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "data/history/generation.h"
#include "data/segments/segments.h"

namespace mw::segments {

inline constexpr std::int64_t day_begin = 1'767'225'600'000'000'000;

// Series in memory, as history gives them to a writer.
struct Head {
    history::SeriesTable table;
    std::shared_ptr<history::Generation> generation = std::make_shared<history::Generation>();
    std::shared_ptr<history::Context> context = std::make_shared<history::Context>();
    std::uint32_t series = 0;

    void add(const std::string& device, const std::string& signal, const std::string& unit,
             const std::vector<std::int64_t>& times, const std::vector<double>& values,
             const std::vector<std::uint8_t>& quality) {
        table.declare({series}, device, signal, unit);
        std::vector<Timestamp> at;
        std::vector<Quality> codes;
        for (const std::int64_t time : times) at.push_back({time});
        for (const std::uint8_t code : quality) codes.push_back({code});
        generation->add({series++}, {at, values, codes}, history::time_lowest);
    }
    std::shared_ptr<const history::HeadSnapshot> snapshot() {
        return generation->snapshot({}, table);
    }
};

// What a series may look like, drawn by lot.
struct Shapes {
    SeededRandom random;

    std::vector<std::int64_t> times(std::size_t count) {
        const std::uint64_t kind = random.below(5);
        std::int64_t time = day_begin;
        std::vector<std::int64_t> times;
        for (std::size_t i = 0; i < count; ++i) {
            if (kind == 0) time += 1'000'000'000;
            if (kind == 1) time += 9'995'000'000 + 1'000'000 * std::int64_t(random.below(11));
            if (kind == 2) time += 1 + std::int64_t(random.below(2'000'000));
            if (kind == 3) time += 1 + std::int64_t(random.next() >> (20 + random.below(44)));
            if (kind == 4) time += 1;
            times.push_back(time);
        }
        if (random.below(20) == 0) times.front() = std::numeric_limits<std::int64_t>::min();
        if (random.below(20) == 0) times.back() = std::numeric_limits<std::int64_t>::max();
        return times;
    }

    std::vector<double> values(std::size_t count) {
        const double special[] = {0.0,       -0.0,    INFINITY,
                                  -INFINITY, NAN,     5e-324,
                                  0x1p51,    -0x1p51, std::bit_cast<double>(0x7ff8dead0000beefull),
                                  1e300};
        const std::uint64_t kind = random.below(6);
        double level = double(random.below(20'000));
        std::vector<double> values;
        for (std::size_t i = 0; i < count; ++i) {
            level += std::round(random.normal() * 20);
            double value = level / 100;
            if (kind == 1) value = random.normal();
            if (kind == 2) value = special[random.below(std::size(special))];
            if (kind == 3) value = std::bit_cast<double>(random.next());
            if (kind == 4 && random.below(30) == 0) value = special[random.below(10)];
            if (kind == 5) value = i < count / 2 ? level : random.uniform();
            values.push_back(value);
        }
        return values;
    }

    std::vector<std::uint8_t> quality(std::size_t count) {
        const std::uint64_t kind = random.below(3);
        std::vector<std::uint8_t> codes;
        for (std::size_t i = 0; i < count; ++i) {
            const auto any = static_cast<std::uint8_t>(random.below(256));
            codes.push_back(kind == 0 || (kind == 1 && random.below(50) > 0) ? 192 : any);
        }
        return codes;
    }

    std::size_t length() {
        const std::uint64_t kind = random.below(10);
        if (kind < 3) return 1 + random.below(4);
        if (kind < 9) return 1 + random.below(400);
        return 1 + random.below(6000);
    }
};

// Up to 40 devices with up to 12 signals each.
inline Head head_by_lot(std::uint64_t seed) {
    Shapes shapes{SeededRandom(seed)};
    Head head;
    for (std::uint64_t device = shapes.random.below(40) + 1; device > 0; --device) {
        std::string name = "device-" + std::to_string(device);
        if (shapes.random.below(10) == 0) name.append(300, 'n');
        if (shapes.random.below(3) == 0) (*head.context)[name] = {"Pumpe \u00b5", "north"};
        const bool shared = shapes.random.below(2) == 0;
        auto times = shapes.times(shapes.length());
        for (std::uint64_t signal = shapes.random.below(12) + 1; signal > 0; --signal) {
            if (!shared) times = shapes.times(shapes.length());
            head.add(name, "signal-" + std::to_string(signal), signal % 2 ? "bar" : "", times,
                     shapes.values(times.size()), shapes.quality(times.size()));
        }
    }
    return head;
}

}  // namespace mw::segments
