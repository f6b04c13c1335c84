"""Forms of both encodings, and what they may cost."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from mizzen.web import Context, Form, Upload, Web

BOUNDARY = "multipart/form-data; boundary=b"


@dataclass
class Snippet:
    title: str
    filename: list[str]
    stars: int | None = None
    public: bool = False
    agreed: bool = field(kw_only=True)


async def test_repeated_fields_are_lists_and_checkboxes_booleans() -> None:
    web = Web()

    @web.post("/")
    async def create(snippet: Snippet) -> Snippet:
        return snippet

    data = {"title": "é &", "filename": ["a", "b"], "stars": "", "public": "on"}
    assert (await web.test().post("/", data=data)).json() == {
        "title": "é &",
        "filename": ["a", "b"],
        "stars": None,
        "public": True,
        "agreed": False,
    }


async def test_one_value_of_a_list_is_still_a_list_and_none_an_empty_one() -> None:
    web = Web()

    @web.post("/")
    async def create(snippet: Snippet) -> list[str]:
        return snippet.filename

    post = web.test().post
    assert (await post("/", data={"title": "t", "filename": "a"})).json() == ["a"]
    assert (await post("/", data={"title": "t"})).json() == []


async def test_too_many_urlencoded_fields_are_refused() -> None:
    web = Web(max_fields=10)

    @web.post("/")
    async def create(ctx: Context) -> int:
        return len(await ctx.form())

    post = web.test().post
    assert (await post("/", data={str(n): "" for n in range(10)})).json() == 10
    assert (await post("/", data={str(n): "" for n in range(11)})).status == 400


async def test_body_over_the_limit_is_a_413_whether_announced_or_not() -> None:
    web = Web(max_body="1KB")

    @web.post("/")
    async def create(ctx: Context) -> int:
        return len(await ctx.body())

    @web.post("/large", max_body="4KB")
    async def large(ctx: Context) -> int:
        return len(await ctx.body())

    post = web.test().post
    assert (await post("/", content=b"x" * 1024)).json() == 1024
    assert (await post("/", content=b"x" * 1025)).status == 413
    lied = await post("/", content=b"x" * 1025, headers={"content-length": "3"})
    assert lied.status == 413
    assert (await post("/large", content=b"x" * 4000)).json() == 4000


async def test_form_of_another_content_type_is_a_415() -> None:
    web = Web()

    @web.post("/")
    async def create(ctx: Context) -> int:
        return len(await ctx.form())

    assert (await web.test().post("/", json={})).status == 415


@pytest.mark.extra("python_multipart")
class TestMultipart:
    """With `mizzen-web[forms]`."""

    async def test_fields_and_files_reach_a_dataclass(self) -> None:
        @dataclass
        class Sent:
            title: str
            tag: list[str]
            file: Upload

        web = Web()

        @web.post("/")
        async def create(sent: Sent) -> list[object]:
            body = await sent.file.read()
            upload = sent.file
            return [sent.title, sent.tag, upload.filename, upload.content_type, body.decode()]

        reply = await web.test().post(
            "/",
            data={"title": "é", "tag": ["a", "b"]},
            files={"file": ("x.py", b"print()", "text/x-python")},
        )
        assert reply.json() == ["é", ["a", "b"], "x.py", "text/x-python", "print()"]

    async def test_file_as_a_parameter(self) -> None:
        web = Web()

        @web.post("/")
        async def create(file: Upload, more: list[Upload], other: Upload | None) -> list[object]:
            return [file.size, len(more), other]

        reply = await web.test().post("/", files={"file": ("x", b"12345", "text/plain")})
        assert reply.json() == [5, 0, None]
        missing = await web.test().post("/", files={"else": ("x", b"", "text/plain")})
        assert missing.json()["errors"][0]["field"] == "file"

    async def test_large_file_spools_to_disk_and_is_gone_afterwards(self) -> None:
        web = Web()
        kept: list[Form] = []

        @web.post("/")
        async def create(ctx: Context) -> int:
            form = await ctx.form()
            kept.append(form)
            upload = form.file("file")
            assert upload is not None
            return len(await upload.read())

        big = b"x" * (3 << 20)
        reply = await web.test().post("/", files={"file": ("x", big, "text/plain")})
        assert reply.json() == len(big)
        upload = kept[0].file("file")
        assert upload is not None
        assert upload.file.closed

    async def test_empty_file_input_is_no_file(self) -> None:
        web = Web()

        @web.post("/")
        async def create(ctx: Context) -> list[str]:
            return list((await ctx.form()).files)

        reply = await web.test().post("/", files={"file": ("", b"", "application/octet-stream")})
        assert reply.json() == []

    async def test_too_many_parts_are_refused_cve_2023_30798(self) -> None:
        web = Web(max_fields=3, max_files=2)

        @web.post("/")
        async def create(ctx: Context) -> None:
            await ctx.form()

        post = web.test().post
        files = {str(n): ("x", b"", "text/plain") for n in range(3)}
        fields = {str(n): "" for n in range(4)}
        assert (await post("/", files=files)).status == 413
        assert (await post("/", files={}, data=fields)).status == 413

    async def test_part_without_a_file_name_is_bounded_cve_2024_47874(self) -> None:
        web = Web(max_body="4MB")

        @web.post("/")
        async def create(ctx: Context) -> None:
            await ctx.form()

        reply = await web.test().post("/", data={"a": "x" * (2 << 20)}, files={})
        assert reply.status == 413

    @pytest.mark.parametrize(
        ("content_type", "body"),
        [
            ("multipart/form-data", b""),
            (BOUNDARY, b""),
            (BOUNDARY, b"nonsense"),
            (BOUNDARY, b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nx'),
            (BOUNDARY, b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n"),
            (BOUNDARY, b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n\xff\r\n--b--\r\n'),
            ("multipart/form-data; boundary=" + "b" * 300, b""),
        ],
    )
    async def test_malformed_multipart_is_a_400(self, content_type: str, body: bytes) -> None:
        web = Web()

        @web.post("/")
        async def create(ctx: Context) -> None:
            await ctx.form()

        headers = {"content-type": content_type}
        assert (await web.test().post("/", content=body, headers=headers)).status == 400
