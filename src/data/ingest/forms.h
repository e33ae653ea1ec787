#pragma once
// What ingest found for batches of one form (domain/point.h): the next batch of that form asks for
// no name again. Forms are forgotten all at once, when a device left or its rules changed, or when
// there are too many.

#include <array>
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
    const Form* find(std::uint64_t number, std::uint64_t epoch) {
        if (number == 0) return nullptr;
        if (epoch != epoch_) forget(epoch);
        const Form* form = place_of(number);
        return form != nullptr && form->device != nullptr ? form : nullptr;
    }
    // It is looked for soon.
    void expect(std::uint64_t number) const {
        if (const Form* form = place_of(number)) __builtin_prefetch(form);
    }
    void keep(std::uint64_t number, Form form) {
        cost_ += form.series.size() * sizeof(history::SeriesRef);
        if (cost_ > cost_max) forget(epoch_);
        auto& page = pages_[number / page_forms];
        if (!page) {
            page = std::make_unique<Page>();
            cost_ += sizeof(Page);
        }
        (*page)[number % page_forms] = std::move(form);
    }

 private:
    static constexpr std::size_t cost_max = std::size_t{64} << 20;  // bytes, about
    static constexpr std::size_t page_forms = 256;
    // Numbers are given one after the other, so those of a page are used together, and a number
    // says where its form is.
    using Page = std::array<Form, page_forms>;

    const Form* place_of(std::uint64_t number) const {
        if (const std::uint64_t wanted = number / page_forms; wanted != page_number_ || !page_) {
            const auto found = pages_.find(wanted);
            if (found == pages_.end()) return nullptr;
            page_number_ = wanted;
            page_ = found->second.get();
        }
        return &(*page_)[number % page_forms];
    }
    void forget(std::uint64_t epoch) {
        page_ = nullptr;
        pages_.clear();
        cost_ = 0;
        epoch_ = epoch;
    }
    std::unordered_map<std::uint64_t, std::unique_ptr<Page>> pages_;
    mutable std::uint64_t page_number_ = 0;
    mutable const Page* page_ = nullptr;  // the one looked into last
    std::size_t cost_ = 0;
    std::uint64_t epoch_ = 0;
};

}  // namespace mw::ingest
