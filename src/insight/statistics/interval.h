#pragma once

namespace mw::statistics {

struct MeanInterval {
    double low = 0;
    double estimate = 0;
    double high = 0;
};

}  // namespace mw::statistics
