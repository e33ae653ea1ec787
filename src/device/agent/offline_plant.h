#pragma once
// A plant of 100 signals at 10 Hz, for tests and benchmarks of days without a hub: sensors with the
// resolution of a 16-bit converter, a decision every ten seconds, a sketch every ten minutes. And a
// hub that stores each (stream, sequence) once, as ours does.

#include <cmath>
#include <map>

#include "base/random.h"
#include "device/outbox/outbox.h"
#include "domain/point.h"
#include "protocols/payload/payload.h"

namespace mw::agent {

class OfflinePlant {
 public:
    static constexpr int signals = 100, samples = 10;

    explicit OfflinePlant(std::uint64_t seed) : random_(seed), state_(signals) {}

    // What a gateway puts into its outbox for one second.
    outbox::Entry second(const outbox::Outbox& outbox) {
        outbox::Entry entry;
        make_batch(outbox.next_sequence("data/line"));
        Bytes points;
        encode_points(batch_, points);
        entry.messages.push_back({"data/line", "mw/v1/gw/data/line", std::move(points)});
        entry.checkpoints["source/line"] = Bytes(24);
        ++seconds_;
        if (seconds_ % 10 == 0) add(entry, outbox, "decision/knn", 420);
        if (seconds_ % 600 == 0) add(entry, outbox, "sketch/knn", 3000);
        return entry;
    }
    std::uint64_t points() const { return seconds_ * signals * samples; }

 private:
    static void encode_points(const Batch& batch, Bytes& into) {
        payload::encode_binary(batch, into, true);
    }
    void make_batch(std::uint64_t sequence) {
        batch_.clear();
        batch_.position = {"line", sequence};
        const Timestamp start{1'700'000'000'000'000'000 +
                              static_cast<std::int64_t>(seconds_) * 1'000'000'000};
        for (int s = 0; s < signals; ++s) {
            const auto begin = static_cast<std::uint32_t>(batch_.size());
            for (int i = 0; i < samples; ++i) {
                double& x = state_[static_cast<std::size_t>(s)];
                x += random_.normal() * .05 - x * .001;
                batch_.times.push_back(start + milliseconds{100} * i);
                batch_.values.push_back(std::nearbyint((50 + x) * 100) / 100);
                batch_.quality.push_back(Quality::good());
            }
            batch_.runs.push_back({"machine.signal_" + std::to_string(s), "", begin,
                                   static_cast<std::uint32_t>(batch_.size())});
        }
    }
    // A text of this length, with its sequence in front and digits behind, as decisions have.
    void add(outbox::Entry& entry, const outbox::Outbox& outbox, const std::string& stream,
             std::size_t size) {
        std::string text = std::to_string(outbox.next_sequence(stream)) + " {\"asset\":\"pump-1\"";
        while (text.size() < size)
            text += ",\"feature\":" + std::to_string(random_.below(1'000'000'000));
        entry.messages.push_back({stream, "mw/v1/gw/" + stream, Bytes(text.begin(), text.end())});
    }

    SeededRandom random_;
    std::vector<double> state_;
    Batch batch_;
    std::uint64_t seconds_ = 0;
};

class OfflineHub {
 public:
    // Of one message; false: it was there.
    bool take(const outbox::Queued& queued) {
        std::uint64_t sequence = 0;
        if (queued.rank == outbox::Rank::points) {
            batch_.clear();
            const auto read = decoder_.decode(queued.payload, "gw", batch_);
            ASSERT(static_cast<bool>(read));
            sequence = batch_.position.sequence;
        } else {
            sequence = std::stoull(std::string(text_of(queued.payload)));
        }
        std::uint64_t& last = last_[queued.rank];
        if (sequence <= last) return false;
        gaps_[queued.rank] += sequence - last - 1;
        last = sequence;
        ++stored_[queued.rank];
        if (queued.rank == outbox::Rank::points) points_ += batch_.size();
        return true;
    }
    std::uint64_t stored(outbox::Rank rank) const { return stored_[rank]; }
    std::uint64_t gaps(outbox::Rank rank) const { return gaps_[rank]; }
    std::uint64_t points() const { return points_; }

 private:
    payload::BinaryDecoder decoder_;
    Batch batch_;
    outbox::PerRank<std::uint64_t> last_, gaps_, stored_;
    std::uint64_t points_ = 0;
};

}  // namespace mw::agent
