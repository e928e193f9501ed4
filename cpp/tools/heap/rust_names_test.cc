#include "tools/heap/rust_names.h"

#include <gtest/gtest.h>

#include <string>

namespace alkaid::tools {
namespace {

TEST(RustNames, OfEarlierCompilersHaveNoHashAndTheirSigns) {
  EXPECT_EQ(RustName("_ZN1r4main17h086b0cfd890a8ea9E"), "r::main");
  EXPECT_EQ(RustName("_ZN1r14Shop$LT$u8$GT$5stock17h00298536346a14b5E"), "r::Shop<u8>::stock");
  EXPECT_EQ(RustName("_ZN95_$LT$T$u20$as$u20$alloc..vec..spec_from_elem..SpecFromElem$LT$A$GT$$GT$"
                     "9from_elem17h690c88f6000de9cfE"),
            "");  // its lengths are wrong
  EXPECT_EQ(RustName("_ZN62_$LT$T$u20$as$u20$alloc..vec..spec_from_elem..SpecFromElem$GT$"
                     "9from_elem17h690c88f6000de9cfE"),
            "<T as alloc::vec::spec_from_elem::SpecFromElem>::from_elem");
  EXPECT_EQ(RustName("_ZN1r4main28_$u7b$$u7b$closure$u7d$$u7d$17h804ab851968e175eE"),
            "r::main::{{closure}}");
}

TEST(RustNames, OfLaterCompilersAreDecoded) {
  EXPECT_EQ(RustName("_RNvCs6GmmlP4bgsG_1r4main"), "r::main");
  EXPECT_EQ(RustName("_RNvMCs6GmmlP4bgsG_1rINtB2_4ShophE5stock"), "<r::Shop<u8>>::stock");
  EXPECT_EQ(RustName("_RNvXs_NtCslNYArtu3iFV_5alloc5allocNtB4_6GlobalNtNtCsgEmfK2I1SDS_4core5alloc"
                     "9Allocator8allocate"),
            "<alloc::alloc::Global as core::alloc::Allocator>::allocate");
  EXPECT_EQ(RustName("_RINvNtNtCsjrHSEGnQ3l9_3std3sys9backtrace28___rust_begin_short_backtraceFEuuE"
                     "Cs6GmmlP4bgsG_1r"),
            "std::sys::backtrace::__rust_begin_short_backtrace::<fn(), ()>");
  EXPECT_EQ(RustName("_RNCINvNtCsjrHSEGnQ3l9_3std2rt10lang_startuE0Cs6GmmlP4bgsG_1r"),
            "std::rt::lang_start::<()>::{closure#0}");
  EXPECT_EQ(RustName("_RINvNtCsgEmfK2I1SDS_4core3ptr13drop_in_placeINtNtCslNYArtu3iFV_5alloc5boxed3"
                     "BoxDG0_INtNtNtB4_3ops8function2FnTRL1_INtNtCsjrHSEGnQ3l9_3std5panic13"
                     "PanicHookInfoL0_EEEp6OutputuNtNtB4_6marker4SyncNtB2N_4SendEL_EEB1T_"),
            "core::ptr::drop_in_place::<alloc::boxed::Box<dyn core::ops::function::Fn<("
            "&std::panic::PanicHookInfo<'_>,), Output = ()> + core::marker::Sync + "
            "core::marker::Send>>");
  EXPECT_EQ(RustName("_RINvMs_NtCsgVdDwkt78Uu_4jiff5errorNtB5_5Error5rangeINtNtNtB7_4util8rangeint4"
                     "ri32Knn3b9ac9ff_Kn3b9ac9ff_EllEB7_"),
            "<jiff::error::Error>::range::<jiff::util::rangeint::ri32<-999999999, 999999999>, i32, "
            "i32>");
}

TEST(RustNames, WhatIsNoNameOfRustsIsNone) {
  for (const std::string symbol :
       {"", "_R", "_RNv", "main", "_ZN", "_ZNE", "_ZN3foo3barEv", "_ZN1r4main17h086b0cfd890a8ea9",
        "_ZN1r4main17h086b0cfd890a8eaxE", "_ZN6alkaid10PoolBuffer6ResizeElb", "_Znwm", "_RNvB_1a",
        "_RNvCs6GmmlP4bgsG_9r4main", "_RNvC99999999999999999999r4main", "_RMu"}) {
    EXPECT_EQ(RustName(symbol), "") << symbol;
  }
  // Each reference doubles what precedes it.
  std::string bomb = "_RINvC1a1b";
  bomb += "TuuE";
  for (int i = 0; i < 60; ++i) bomb += "TB8_B8_E";
  EXPECT_LE(RustName(bomb + "E").size(), 5000U);
  EXPECT_EQ(RustName("_RNv" + std::string(100'000, 'N')), "");
  EXPECT_EQ(RustName("_RINvC1a1b" + std::string(100'000, 'S')), "");
}

}  // namespace
}  // namespace alkaid::tools
