#pragma once
// The right to change the catalog, on the loop; gives itself back. Whoever holds it enters and
// then brings the list of files up to date, so that the two never differ for anybody else.

#include "data/history/state.h"

namespace mw::history {

class History::State::CatalogTurn {
 public:
    explicit CatalogTurn(Channel<int>& home) : home_(&home) {}
    CatalogTurn(CatalogTurn&& other) noexcept : home_(std::exchange(other.home_, nullptr)) {}
    CatalogTurn& operator=(CatalogTurn&&) = delete;
    ~CatalogTurn() {
        if (home_ != nullptr) home_->try_send(1);
    }

 private:
    Channel<int>* home_;
};

}  // namespace mw::history
