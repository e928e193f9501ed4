// Names of functions as the Rust compiler writes them into symbols.
//
// Threads: any. Out of memory: throws std::bad_alloc.
#pragma once

#include <string>
#include <string_view>

namespace alkaid::tools {

// The name in the source, without hashes, for both forms of symbols: "<shop::Shelf<u8>>::stock" of
// "_RNvMCs6GmmlP4bgsG_4shopINtB2_5ShelfhE5stock", and "shop::Shelf<u8>::stock" of
// "_ZN4shop18Shelf$LT$u8$GT$5stock17h0029...E". Empty where the symbol is not Rust's, or damaged.
std::string RustName(std::string_view symbol);

}  // namespace alkaid::tools
