import faults
import pytest


def test_the_page_of_faults_is_that_of_the_tests():
    assert faults.PAGE.read_text(encoding="utf-8") == faults.page(), "run python tests/faults.py"


@pytest.mark.parametrize("mark", ["fault()", "fault('one')", "fault('one', two)"])
def test_a_mark_without_two_strings_is_refused(tmp_path, mark):
    file = tmp_path / "test_some.py"
    file.write_text(f"@pytest.mark.{mark}\ndef test_it(): ...\n")
    with pytest.raises(ValueError, match="test_it: fault takes two strings"):
        list(faults.marked(file))


def test_marks_of_a_function_and_of_a_parameter_are_found(tmp_path):
    file = tmp_path / "test_some.py"
    file.write_text(
        "@pytest.mark.fault('a', 'b')\n"
        "@pytest.mark.parametrize('x', [pytest.param(1, marks=pytest.mark.fault('c', 'd'))])\n"
        "def test_it(x): ...\n"
    )
    assert list(faults.marked(file)) == [
        faults.Fault("a", "b", file, "test_it"),
        faults.Fault("c", "d", file, "test_it"),
    ]
