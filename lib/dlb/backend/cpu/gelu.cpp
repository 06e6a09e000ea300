// gelu and its gradient in float32. Both are memory-bound for large tensors only if a vector of elements
// costs few instructions, so the normal distribution is read from a table of polynomials, whose lookup is one
// instruction for each coefficient in AVX-512. Error: 4e-8 in Phi, 1e-7 in the slope, absolute; the same bits
// on every processor.
#include "dlb/backend/cpu/gelu.h"

#include <bit>
#include <cstddef>

#include "dlb/backend/cpu/simd.h"
#include "dlb/ops/float_math.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace dlb::backend::cpu {

namespace {

/// Coefficients, lowest first, of polynomials in the distance from the points k * kStep; entry k of each.
struct Table {
  alignas(64) float coefficients[5][32];
};
constexpr float kStep = 25.0F / 128;
constexpr float kPerStep = 5.12F;
constexpr float kLast = 6.14F;         ///< both functions are 1/2 from here on
constexpr float kRound = 12582912.0F;  ///< adding it leaves the nearest integer in the low bits

/// Phi(x) - 1/2 for x >= 0.
constexpr Table kPhi = {{
    {0.0F,         0.077425845F, 0.151962772F, 0.221041247F, 0.282672256F, 0.335607111F, 0.379376382F,
     0.414216727F, 0.440914869F, 0.4606103F,   0.474597603F, 0.484160483F, 0.490454525F, 0.494442493F,
     0.496875048F, 0.498303473F, 0.499110967F, 0.499550402F, 0.499780625F, 0.499896765F, 0.499953121F,
     0.499979496F, 0.499991328F, 0.499996483F, 0.499998629F, 0.499999464F, 0.499999821F, 0.49999994F,
     0.49999997F,  0.5F,         0.5F,         0.5F},
    {0.398942202F,    0.391404897F,    0.369637311F,    0.336014777F,
     0.294018F,       0.247640982F,    0.20077242F,     0.156681806F,
     0.117697172F,    0.0851032957F,   0.0592324398F,   0.039683111F,
     0.0255908445F,   0.0158853326F,   0.00949162804F,  0.00545905856F,
     0.00302222953F,  0.00161053333F,  0.00082612253F,  0.0004078981F,
     0.000193861357F, 8.86876514e-05F, 3.90541536e-05F, 1.65540205e-05F,
     6.75416777e-06F, 2.65260223e-06F, 1.00277691e-06F, 3.64895328e-07F,
     1.27809756e-07F, 4.30914646e-08F, 1.39845984e-08F, 0.0F},
    {6.35704009e-06F,  -0.0382230803F,   -0.072194688F,    -0.0984416902F,
     -0.114850625F,    -0.120918281F,    -0.117639944F,    -0.107106589F,
     -0.0919508338F,   -0.0747977793F,   -0.0578441769F,   -0.0426283665F,
     -0.0299893152F,   -0.0201669764F,   -0.0129768848F,   -0.00799671281F,
     -0.00472226972F,  -0.00267376401F,  -0.00145218754F,  -0.000756854715F,
     -0.000378643308F, -0.000181883603F, -8.39080094e-05F, -3.71832721e-05F,
     -1.58307848e-05F, -6.47642128e-06F, -2.54627116e-06F, -9.62196054e-07F,
     -3.49509151e-07F, -1.22048206e-07F, -4.09750527e-08F, 0.0F},
    {-0.0666858181F,  -0.0626380295F,  -0.0521285608F,  -0.0367402472F,
     -0.0191023499F,  -0.00195652386F, 0.0124242892F,   0.0226245876F,
     0.0282084197F,   0.0295922868F,   0.0277554542F,   0.0239008516F,
     0.0191644933F,   0.0144300759F,   0.010259158F,    0.00691308128F,
     0.00442726631F,  0.00270017143F,  0.00157080288F,  0.000872699253F,
     0.000463502482F, 0.000235524887F, 0.000114580573F, 5.33973362e-05F,
     2.38490047e-05F, 1.02127015e-05F, 4.19453772e-06F, 1.65285189e-06F,
     6.25038695e-07F, 2.26885007e-07F, 7.90718389e-08F, 0.0F},
    {0.00237485883F,   0.00941210706F,   0.0170920324F,    0.0217483677F,
     0.0228288248F,    0.0205892697F,    0.0159324296F,    0.0100938184F,
     0.00429285038F,   -0.000541539921F, -0.00390738435F,  -0.00572316535F,
     -0.0062190555F,   -0.00578634441F,  -0.00483924663F,  -0.00372141227F,
     -0.00266480981F,  -0.00179075962F,  -0.00113521435F,  -0.000681363046F,
     -0.000388247776F, -0.000210454484F, -0.000108697699F, -5.35611325e-05F,
     -2.52055961e-05F, -1.13379419e-05F, -4.87835086e-06F, -2.0089883e-06F,
     -7.92271521e-07F, -2.99335028e-07F, -1.08392918e-07F, 0.0F},
}};

/// Phi(x) + x phi(x) - 1/2, the derivative of x Phi(x) less 1/2, for x >= 0.
constexpr Table kSlope = {{
    {0.0F,         0.153872162F, 0.296352416F, 0.417924941F, 0.512373805F, 0.577443898F, 0.614656389F,
     0.62842989F,  0.624816477F, 0.61020571F,  0.590285838F, 0.569417119F, 0.55043304F,  0.53477639F,
     0.522828817F, 0.514296889F, 0.508555532F, 0.504897952F, 0.50268501F,  0.501410484F, 0.500710428F,
     0.500343263F, 0.500159144F, 0.50007087F,  0.500030279F, 0.500012457F, 0.500004888F, 0.500001848F,
     0.500000656F, 0.500000238F, 0.50000006F,  0.5F},
    {0.797884166F,     0.767877936F,     0.682871878F,     0.556667984F,
     0.408582151F,     0.259113997F,     0.12582694F,      0.020494733F,
     -0.0519514792F,   -0.0927540287F,   -0.107488818F,    -0.103802592F,
     -0.089393355F,    -0.0706399232F,   -0.0519842356F,   -0.0359377377F,
     -0.0234698039F,   -0.0145344418F,   -0.00855846982F,  -0.00480149174F,
     -0.00257042795F,  -0.00131463585F,  -0.000642973115F, -0.000300957967F,
     -0.000134903632F, -5.79401058e-05F, -2.38544635e-05F, -9.41808958e-06F,
     -3.56700207e-06F, -1.29633361e-06F, -4.52181439e-07F, 0.0F},
    {3.80845886e-05F, -0.151433915F,   -0.277762175F,   -0.35996893F,
     -0.38930282F,    -0.368356287F,   -0.309006006F,   -0.228222907F,
     -0.143314496F,   -0.0680736229F,  -0.0107191149F,  0.0262495726F,
     0.0447788462F,   0.049345348F,    0.0451182276F,   0.0366496369F,
     0.0272269957F,   0.0187819283F,   0.0121398456F,   0.00739535131F,
     0.00426311931F,  0.00233229366F,  0.00121359294F,  0.000601627165F,
     0.000284527137F, 0.000128507178F, 5.54779035e-05F, 2.29096931e-05F,
     9.05508386e-06F, 3.42742101e-06F, 1.24291068e-06F, 0.0F},
    {-0.26713267F,     -0.24298811F,     -0.18166852F,     -0.0959443823F,
     -0.00511902431F,  0.0724820569F,    0.124229759F,     0.145553395F,
     0.139550835F,     0.114493296F,     0.0804710463F,    0.0464289375F,
     0.0183825418F,    -0.00101270294F,  -0.011860745F,    -0.0159333255F,
     -0.015584616F,    -0.0129734101F,   -0.00967628416F,  -0.00662172353F,
     -0.00421239249F,  -0.00251125032F,  -0.00141056231F,  -0.000749348954F,
     -0.000377554155F, -0.000180801595F, -8.24283707e-05F, -3.58246543e-05F,
     -1.48590316e-05F, -5.8869955e-06F,  -2.22956646e-06F, 0.0F},
    {0.0142372055F,   0.0558274388F,   0.0980393738F,   0.117324382F,
     0.111320503F,    0.0846935883F,   0.0468525589F,   0.00842934009F,
     -0.0220220182F,  -0.0399877727F,  -0.0452340692F,  -0.0406705104F,
     -0.0305976123F,  -0.019100409F,   -0.00905841868F, -0.0018675552F,
     0.0023090092F,   0.00405099848F,  0.004201998F,    0.00353920809F,
     0.00261944765F,  0.00176009408F,  0.00109203858F,  0.000631951727F,
     0.000343330816F, 0.000175910827F, 8.52814919e-05F, 3.92175389e-05F,
     1.71399643e-05F, 7.13039435e-06F, 2.82706742e-06F, 0.0F},
}};

DLB_INLINE float at(const Table& table, float x) {
  const float c = x > kLast ? kLast : x;
  const float t = float_math::fma(c, kPerStep, kRound);
  const float r = float_math::fma(t - kRound, -kStep, c);
  const uint32_t k = std::bit_cast<uint32_t>(t) & 31U;
  float p = table.coefficients[4][k];
  for (size_t j = 4; j-- > 0;) p = float_math::fma(p, r, table.coefficients[j][k]);
  return p;
}
/// Both functions are odd.
DLB_INLINE float gelu_of(float x) {
  const float a = float_math::abs(x);
  return float_math::fma(a, at(kPhi, a), 0.5F * x);
}
DLB_INLINE float gradient_of(float g, float x) {
  return g * (0.5F + float_math::copysign(at(kSlope, float_math::abs(x)), x));
}

#if defined(__x86_64__)
#define DLB_AVX512 __attribute__((target("avx512f,avx512dq"), always_inline)) inline

struct Coefficients {
  __m512 low[5], high[5];
};
DLB_AVX512 Coefficients load_table(const Table& table) {
  Coefficients c;
  for (size_t j = 0; j < 5; ++j) {
    c.low[j] = _mm512_load_ps(table.coefficients[j]);
    c.high[j] = _mm512_load_ps(table.coefficients[j] + 16);
  }
  return c;
}
/// at() of 16 elements.
DLB_AVX512 __m512 at16(const Coefficients& table, __m512 x) {
  const __m512 round = _mm512_set1_ps(kRound);
  // The masked form: GCC 12 takes the plain one for a read of something uninitialized.
  const __m512 c = _mm512_maskz_min_ps(0xffff, _mm512_set1_ps(kLast), x);  // NaN stays
  const __m512 t = _mm512_fmadd_ps(c, _mm512_set1_ps(kPerStep), round);
  const __m512 r = _mm512_fmadd_ps(_mm512_sub_ps(t, round), _mm512_set1_ps(-kStep), c);
  const __m512i k = _mm512_castps_si512(t);  // the lookup reads the low five bits
  __m512 p = _mm512_permutex2var_ps(table.low[4], k, table.high[4]);
  for (size_t j = 4; j-- > 0;) {
    p = _mm512_fmadd_ps(p, r, _mm512_permutex2var_ps(table.low[j], k, table.high[j]));
  }
  return p;
}

DLB_AVX512 __m512 gelu16(const Coefficients& table, __m512 x) {
  const __m512 a = _mm512_abs_ps(x);
  return _mm512_fmadd_ps(a, at16(table, a), _mm512_mul_ps(_mm512_set1_ps(0.5F), x));
}
DLB_AVX512 __m512 gradient16(const Coefficients& table, __m512 g, __m512 x) {
  const __m512 sign = _mm512_and_ps(x, _mm512_set1_ps(-0.0F));
  const __m512 odd = _mm512_or_ps(_mm512_abs_ps(at16(table, _mm512_abs_ps(x))), sign);
  return _mm512_mul_ps(g, _mm512_add_ps(_mm512_set1_ps(0.5F), odd));
}

__attribute__((target("avx512f,avx512dq"))) int64_t gelu_avx512(const float* x, float* y, int64_t n) {
  const Coefficients table = load_table(kPhi);
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) _mm512_storeu_ps(y + i, gelu16(table, _mm512_loadu_ps(x + i)));
  return i;
}
__attribute__((target("avx512f,avx512dq"))) int64_t gradient_avx512(const float* g, const float* x, float* y,
                                                                    int64_t n) {
  const Coefficients table = load_table(kSlope);
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) {
    _mm512_storeu_ps(y + i, gradient16(table, _mm512_loadu_ps(g + i), _mm512_loadu_ps(x + i)));
  }
  return i;
}
#endif

}  // namespace

void gelu_loop(const void* const* in, void* out, int64_t n, const double*) {
  const float* __restrict x = static_cast<const float*>(in[0]);
  float* __restrict y = static_cast<float*>(out);
  int64_t done = 0;
#if defined(__x86_64__)
  if (instruction_set() == InstructionSet::kAvx512) done = gelu_avx512(x, y, n);
#endif
  simd([=] {
    for (int64_t i = done; i < n; ++i) y[i] = gelu_of(x[i]);
  });
}

void gelu_gradient_loop(const void* const* in, void* out, int64_t n, const double*) {
  const float* __restrict g = static_cast<const float*>(in[0]);
  const float* __restrict x = static_cast<const float*>(in[1]);
  float* __restrict y = static_cast<float*>(out);
  int64_t done = 0;
#if defined(__x86_64__)
  if (instruction_set() == InstructionSet::kAvx512) done = gradient_avx512(g, x, y, n);
#endif
  simd([=] {
    for (int64_t i = done; i < n; ++i) y[i] = gradient_of(g[i], x[i]);
  });
}

}  // namespace dlb::backend::cpu
