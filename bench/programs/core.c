/* What small processors do all day: a linked list is sorted and searched, matrices of small integers are multiplied,
   a text goes through a state machine, and a CRC over the results. */
#include "suite.h"

enum { nodes = 64, order = 12, text_length = 240 };

struct node {
  struct node *next;
  int16_t key;
  int16_t value;
};

static struct node pool[nodes];

static uint16_t crc16(uint16_t crc, uint32_t value) {
  for (int bit = 0; bit < 32; bit++) {
    int out = (crc ^ value) & 1;
    crc >>= 1;
    value >>= 1;
    if (out) crc ^= 0xa001;
  }
  return crc;
}

static int by_key(const struct node *a, const struct node *b) { return a->key - b->key; }
static int by_value(const struct node *a, const struct node *b) { return a->value - b->value; }

typedef int (*comparison)(const struct node *, const struct node *);

static struct node *merge(struct node *a, struct node *b, comparison compare) {
  struct node *head = NULL, **tail = &head;
  while (a && b) {
    struct node **least = compare(a, b) <= 0 ? &a : &b;
    *tail = *least;
    tail = &(*tail)->next;
    *least = (*least)->next;
  }
  *tail = a ? a : b;
  return head;
}

static struct node *sort(struct node *list, comparison compare) {
  if (!list || !list->next) return list;
  struct node *slow = list, *fast = list->next;
  while (fast && fast->next) {
    slow = slow->next;
    fast = fast->next->next;
  }
  struct node *half = slow->next;
  slow->next = NULL;
  return merge(sort(list, compare), sort(half, compare), compare);
}

static struct node *reverse(struct node *list) {
  struct node *done = NULL;
  while (list) {
    struct node *next = list->next;
    list->next = done;
    done = list;
    list = next;
  }
  return done;
}

static uint16_t run_list(uint16_t crc, uint32_t *seed) {
  for (int i = 0; i < nodes; i++) {
    uint32_t random = next_random(seed);
    pool[i] = (struct node){i + 1 < nodes ? &pool[i + 1] : NULL, (int16_t)(random & 0x3ff), (int16_t)(random >> 16)};
  }
  struct node *list = pool;
  for (int round = 0; round < 4; round++) {
    list = reverse(sort(list, round & 1 ? by_value : by_key));
    for (int wanted = round; wanted < 0x400; wanted += 0x49) {
      const struct node *at = list;
      int steps = 0;
      while (at && at->key != wanted) at = at->next, steps++;
      crc = crc16(crc, at ? (uint16_t)at->value : steps);
    }
  }
  return crc;
}

static uint16_t run_matrix(uint16_t crc, uint32_t *seed) {
  static int16_t a[order][order], b[order][order];
  static int32_t product[order][order];
  for (int i = 0; i < order * order; i++) {
    a[i / order][i % order] = (int16_t)(next_random(seed) & 0xff);
    b[i % order][i / order] = (int16_t)(next_random(seed) >> 20);
  }
  for (int i = 0; i < order; i++) {
    for (int j = 0; j < order; j++) {
      int32_t sum = 0;
      for (int k = 0; k < order; k++) {
        int32_t term = a[i][k] * b[k][j];
        sum += ((term >> 2) & 0xf) * ((term >> 5) & 0x7f) + term;
      }
      product[i][j] = sum;
    }
  }
  int32_t trace = 0;
  for (int i = 0; i < order; i++) {
    for (int j = 0; j < order; j++) trace = product[i][j] > trace ? trace + 10 : trace + (product[j][i] & 0x1f);
  }
  return crc16(crc, (uint32_t)trace);
}

enum state { start, sign, whole, point, fraction, exponent, exponent_sign, power, invalid, states };

static enum state step(enum state state, char c) {
  int is_digit = c >= '0' && c <= '9';
  switch (state) {
    case start: return is_digit ? whole : c == '+' || c == '-' ? sign : c == '.' ? point : invalid;
    case sign: return is_digit ? whole : c == '.' ? point : invalid;
    case whole: return is_digit ? whole : c == '.' ? fraction : c == 'e' ? exponent : invalid;
    case point: return is_digit ? fraction : invalid;
    case fraction: return is_digit ? fraction : c == 'e' ? exponent : invalid;
    case exponent: return is_digit ? power : c == '+' || c == '-' ? exponent_sign : invalid;
    case exponent_sign: return is_digit ? power : invalid;
    case power: return is_digit ? power : invalid;
    default: return invalid;
  }
}

static uint16_t run_states(uint16_t crc, uint32_t *seed) {
  static char text[text_length];
  static const char letters[] = "0123456789012345,,.+-e";
  for (int i = 0; i < text_length; i++) text[i] = letters[next_random(seed) % (sizeof letters - 1)];
  uint32_t counts[states] = {0};
  enum state state = start;
  for (int i = 0; i < text_length; i++) {
    if (text[i] == ',') {
      counts[state]++;
      state = start;
    } else {
      state = step(state, text[i]);
    }
  }
  for (int i = 0; i < states; i++) crc = crc16(crc, counts[i]);
  return crc;
}

uint32_t core_unit(void) {
  uint32_t seed = 0x6d657a7a;
  uint16_t crc = 0;
  for (int i = 0; i < 8; i++) {
    crc = run_list(crc, &seed);
    crc = run_matrix(crc, &seed);
    crc = run_states(crc, &seed);
  }
  return crc;
}
