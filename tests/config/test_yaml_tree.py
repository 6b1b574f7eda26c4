import pytest

from monitor.config.yaml_tree import Fields, Text, YamlError, faults_of, plain, read_tree


def faults(text: str) -> list[str]:
    return [f"{fault.place}: {fault.message}" for fault in faults_of(read_tree(text, "f.yaml"))]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("a: 10:30", "10:30"),
        ("a: 07:30", "07:30"),
        ("a: no", "no"),
        ("a: 0777", "0777"),
        ("a: 1e3", "1e3"),
        ("a: 2026-11-09", "2026-11-09"),
        ("a: 'null'", "null"),
    ],
)
def test_a_scalar_stays_what_was_written(written: str, meant: str) -> None:
    assert plain(read_tree(written, "f.yaml")) == {"a": meant}


def test_a_key_that_yaml_takes_for_true_stays_a_text() -> None:
    assert plain(read_tree("on: weekdays", "f.yaml")) == {"on": "weekdays"}


def test_a_text_that_became_a_comment_is_a_fault_that_says_to_quote_it() -> None:
    (line,) = faults("a: b\nslack: #data-oncall\n")
    assert line.startswith("f.yaml:2:1: 'slack' has no value")
    assert "quotes" in line


def test_a_key_written_twice_is_a_fault_that_names_the_first_place() -> None:
    assert faults("a: 1\nb: 2\na: 3\n") == [
        "f.yaml:3:1: 'a' is written twice; the first one is at f.yaml:1:1"
    ]


def test_the_first_of_two_equal_keys_counts() -> None:
    assert plain(read_tree("a: 1\na: 3\n", "f.yaml")) == {"a": "1"}


def test_an_alias_is_a_fault_at_its_own_place() -> None:
    (line,) = faults("a: &x 1\nb: [1, *x]\n")
    assert line.startswith("f.yaml:2:8: the item uses the YAML alias *x")


def test_nested_aliases_cannot_blow_up() -> None:
    text = "a: &a [x, x]\n" + "".join(f"k{n}: &k{n} [*a, *a]\n" for n in range(500))
    assert len(faults(text)) == 1000


def test_a_tag_is_a_fault() -> None:
    (line,) = faults("a: !!python/object:os.system x\n")
    assert "tags are not supported" in line


@pytest.mark.parametrize(
    ("text", "place", "hint"),
    [
        ("a: @recsys", "1:4", "'@' needs quotes"),
        ("a: 1\nb: > 2h", "2:6", "without operators"),
        ("cron: */5 * * * *", "1:8", "'*' needs quotes"),
        ("a:\n\tb: 1", "2:1", "tabs cannot indent"),
        ("a: 1\n---\nb: 2\n", "2:1", "second document"),
        ("- a\n- b\n", "1:1", "a map of keys"),
        ("a: \x01", "1:1", "control characters"),
    ],
)
def test_what_is_no_yaml_is_refused_with_place_and_remedy(text: str, place: str, hint: str) -> None:
    with pytest.raises(YamlError, match=hint.replace("*", r"\*")) as caught:
        read_tree(text, "f.yaml")
    assert str(caught.value).startswith(f"f.yaml:{place}: ")


@pytest.mark.parametrize("text", ["[" * 200_000, "- " * 200_000, "{a: " * 200_000])
def test_deep_nesting_is_refused_and_does_not_crash(text: str) -> None:
    with pytest.raises(YamlError, match="nest deeper than 40"):
        read_tree(text, "f.yaml")


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n"])
def test_an_empty_file_is_an_empty_map(text: str) -> None:
    assert plain(read_tree(text, "f.yaml")) == {}


def test_places_count_from_one_and_in_characters() -> None:
    tree = read_tree("x: {ü: b, c: d}\n", "f.yaml")
    inner = tree.get("x")
    assert isinstance(inner, Fields)
    value = inner.get("c")
    assert isinstance(value, Text)
    assert str(inner.place_of("c")) == "f.yaml:1:11"
    assert str(value.place) == "f.yaml:1:14"
