#pragma once
// What ingest found for batches of one form (domain/point.h): the next batch of that form asks for
// no name again. Forms are forgotten all at once, when a device left or its rules changed, or when
// there are too many.

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "data/ingest/directory.h"

namespace mw::ingest {

// A run whose values come in another unit than the declared one.
struct Converted {
    std::size_t run = 0;
    Conversion to_declared;
};

struct Form {
    KnownDevice* device = nullptr;
    std::vector<history::SeriesRef> series;  // by run
    std::vector<Converted> converted;
    std::shared_ptr<const quality::Engine::Places> places;  // null: not all are remembered
};

class Forms {
 public:
    // Null: a form that was not seen since `epoch` of the directory began.
    const Form* find(std::uint64_t form, std::uint64_t epoch) {
        if (form == 0) return nullptr;
        if (epoch != epoch_) forget(epoch);
        const auto found = forms_.find(form);
        return found == forms_.end() ? nullptr : &found->second;
    }
    void keep(std::uint64_t number, Form form) {
        runs_ += form.series.size() + 1;
        if (runs_ > runs_max) forget(epoch_);
        forms_.insert_or_assign(number, std::move(form));
    }

 private:
    static constexpr std::size_t runs_max = 4'000'000;  // about 64 MB
    void forget(std::uint64_t epoch) {
        forms_.clear();
        runs_ = 0;
        epoch_ = epoch;
    }
    std::unordered_map<std::uint64_t, Form> forms_;
    std::size_t runs_ = 0;
    std::uint64_t epoch_ = 0;
};

}  // namespace mw::ingest
