// Fills a history directory, for benchmarks of what is stored: with a plant of 1000 devices and 10
// metrics each, as docs say of the generator of store.md, or with recorded series from the standard
// input ("NAME COUNT", then COUNT lines of "SECONDS VALUE"). Or compacts one. Prints a JSON line.
//   history_fill walk DIRECTORY POINTS | series DIRECTORY | compact DIRECTORY | lines POINTS
// `lines` writes the same plant as InfluxDB line protocol, for other stores.
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <iostream>

#include "base/json.h"
#include "base/random.h"
#include "data/history/history.h"
#include "data/segments/segments.h"

namespace mw {
namespace {

constexpr int devices = 1000, metrics_of_device = 10;
constexpr std::int64_t start_ms = 1'767'225'600'000;  // 2026-01-01
constexpr std::int64_t step_ms = 10'000;
constexpr std::int64_t samples_per_batch = 6;  // a minute of a device
constexpr std::int64_t seal_every = 156;       // samples: 26 minutes
constexpr std::array<double, metrics_of_device> sigmas{.3, 1, 1, 2, 3, 5, 5, 10, 20, 50};

// Random walks in steps of 0.01, with a jitter of 5 ms that a device's metrics share, and 0.1 % of
// the points not good. The same in every run.
class Plant {
 public:
    Plant() {
        for (auto& value : cents_) value = 5'000 + static_cast<std::int64_t>(random_.below(10'000));
    }
    struct Sample {
        std::int64_t time_ms = 0;
        std::array<std::int64_t, metrics_of_device> cents{};
        std::array<bool, metrics_of_device> good{};
    };
    Sample next(int device, std::int64_t step) {
        Sample sample;
        sample.time_ms =
            start_ms + step * step_ms + static_cast<std::int64_t>(random_.below(11)) - 5;
        for (int m = 0; m < metrics_of_device; ++m) {
            auto& cents = cents_[static_cast<std::size_t>(device * metrics_of_device + m)];
            cents += std::lround(random_.normal() * sigmas[static_cast<std::size_t>(m)]);
            sample.cents[static_cast<std::size_t>(m)] = cents;
            sample.good[static_cast<std::size_t>(m)] = random_.below(1000) > 0;
        }
        return sample;
    }

 private:
    SeededRandom random_{7};
    std::array<std::int64_t, devices * metrics_of_device> cents_{};
};

struct Store {
    explicit Store(const std::string& directory) : writer({.directory = directory}) {
        history::HistoryOptions options;
        options.directory = directory;
        options.head_bytes_max = std::size_t{1} << 30;
        options.seal_points = 50'000'000;  // sealed by event time, below
        options.seal_age = hours{24};
        options.compact_every = hours{24};
        auto opened = history::History::open(options, {files, *loop, workers, writer, metrics});
        if (!opened) fail(opened.error());
        history = std::move(*opened);
    }
    [[noreturn]] static void fail(const Error& error) {
        std::fprintf(stderr, "history_fill: %s\n", error.message.c_str());
        std::exit(1);
    }
    template <class T>
    T wait(Task<T> task) {
        auto outcome = sync_wait(*loop, std::move(task));
        if (!outcome) fail(outcome.error());
        if constexpr (!std::is_void_v<T>) return std::move(*outcome);
    }
    // While the log is behind, its turn comes.
    void append(const Batch& batch) {
        for (;;) {
            auto ticket = history->append(batch);
            if (ticket) return;
            if (ticket.error().code != Errc::overloaded) fail(ticket.error());
            wait(history->flush());
        }
    }
    void seal() { wait(history->seal_now()); }
    void finish(double seconds) {
        const auto figures = history->figures();
        JsonObject out{{"seconds", seconds}, {"cpu_s", cpu_seconds()}, {"rss_mb", rss_mb()}};
        const char* names[] = {"points", "decisions", "rollups"};
        for (std::size_t i = 0; i < std::size(names); ++i) {
            const auto& table = figures.tables[i];
            out[names[i]] =
                JsonObject{{"files", table.files}, {"rows", table.rows}, {"bytes", table.bytes}};
        }
        wait(history->stop());
        history.reset();
        std::cout << to_json(out) << "\n";
    }
    static double cpu_seconds() {
        rusage usage{};
        getrusage(RUSAGE_SELF, &usage);
        auto seconds = [](const timeval& t) { return double(t.tv_sec) + double(t.tv_usec) / 1e6; };
        return seconds(usage.ru_utime) + seconds(usage.ru_stime);
    }
    static double rss_mb() {
        rusage usage{};
        getrusage(RUSAGE_SELF, &usage);
        return double(usage.ru_maxrss) / 1024;
    }

    std::unique_ptr<Loop> loop = std::move(Loop::open()).value();
    Workers workers{{.threads = 1}};
    files::RealFiles files;
    metrics::Registry metrics;
    segments::ParquetWriter writer;
    std::unique_ptr<history::History> history;
};

double seconds_since(std::chrono::steady_clock::time_point began) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
}

void fill_walk(const std::string& directory, std::int64_t points) {
    const auto began = std::chrono::steady_clock::now();
    Store store(directory);
    Plant plant;
    const std::int64_t steps = points / (devices * metrics_of_device);
    for (std::int64_t step = 0; step < steps; step += samples_per_batch) {
        const auto samples = std::min(samples_per_batch, steps - step);
        for (int d = 0; d < devices; ++d) {
            std::vector<Plant::Sample> rows;
            for (std::int64_t s = 0; s < samples; ++s) rows.push_back(plant.next(d, step + s));
            Batch batch;
            batch.device.text = "device-" + std::to_string(d);
            for (std::size_t m = 0; m < metrics_of_device; ++m) {
                const auto begin = static_cast<std::uint32_t>(batch.times.size());
                for (const auto& row : rows) {
                    batch.times.push_back({row.time_ms * 1'000'000});
                    batch.values.push_back(static_cast<double>(row.cents[m]) / 100);
                    const auto spike = Quality::uncertain(Reason::spike);
                    batch.quality.push_back(row.good[m] ? Quality::good() : spike);
                }
                batch.runs.push_back({"m" + std::to_string(m), "bar", begin,
                                      static_cast<std::uint32_t>(batch.times.size())});
            }
            store.append(batch);
        }
        if ((step / samples_per_batch + 1) % (seal_every / samples_per_batch) == 0) store.seal();
    }
    store.seal();
    store.finish(seconds_since(began));
}

void write_lines(std::int64_t points) {
    Plant plant;
    std::string text;
    for (std::int64_t step = 0; step < points / (devices * metrics_of_device); ++step) {
        for (int d = 0; d < devices; ++d) {
            const auto sample = plant.next(d, step);
            text += "plant,device=device-" + std::to_string(d) + " ";
            for (std::size_t m = 0; m < metrics_of_device; ++m) {
                char field[48];
                std::snprintf(field, sizeof field, "%sm%zu=%.2f", m ? "," : "", m,
                              static_cast<double>(sample.cents[m]) / 100);
                text += field;
            }
            text += " " + std::to_string(sample.time_ms) + "000000\n";
        }
        std::fwrite(text.data(), 1, text.size(), stdout);
        text.clear();
    }
}

void fill_series(const std::string& directory) {
    const auto began = std::chrono::steady_clock::now();
    Store store(directory);
    std::string name;
    std::size_t count = 0;
    while (std::cin >> name >> count) {
        constexpr std::size_t most = 5'000;  // a batch fits a message
        for (std::size_t done = 0; done < count;) {
            Batch batch;
            batch.device.text = name.substr(0, name.find('.'));
            const auto rows = std::min(most, count - done);
            for (std::size_t i = 0; i < rows; ++i) {
                double seconds = 0, value = 0;
                std::cin >> seconds >> value;
                batch.times.push_back({std::llround(seconds * 1e3) * 1'000'000});
                batch.values.push_back(value);
                batch.quality.push_back(Quality::good());
            }
            batch.runs.push_back(
                {name.substr(name.find('.') + 1), "", 0, static_cast<std::uint32_t>(rows)});
            store.append(batch);
            done += rows;
        }
    }
    store.seal();
    store.finish(seconds_since(began));
}

void compact(const std::string& directory) {
    const auto began = std::chrono::steady_clock::now();
    Store store(directory);
    store.wait(store.history->compact_now());
    store.finish(seconds_since(began));
}

int run(int count, char** words) {
    const std::string what = count > 1 ? words[1] : "";
    if (what == "walk" && count == 4) {
        fill_walk(words[2], std::atoll(words[3]));
    } else if (what == "series" && count == 3) {
        fill_series(words[2]);
    } else if (what == "compact" && count == 3) {
        compact(words[2]);
    } else if (what == "lines" && count == 3) {
        write_lines(std::atoll(words[2]));
    } else {
        std::fprintf(stderr,
                     "history_fill walk DIRECTORY POINTS | series DIRECTORY | compact "
                     "DIRECTORY | lines POINTS\n");
        return 2;
    }
    return 0;
}

}  // namespace
}  // namespace mw

int main(int count, char** words) { return mw::run(count, words); }
