"""Rows of SAP's tables, as far as the example writes them: a class for each table of `schema.sql`, its fields the columns.

Everything is text here, numbers too: both databases read them so, and the rows go out as they are.
"""

from __future__ import annotations

from typing import Final, NamedTuple

CLIENT: Final = "800"
"""The client that people work in."""

OTHER_CLIENT: Final = "100"
"""Another company's client in the same tables, with the same numbers for other things."""

NO_DATE: Final = "00000000"
BLANK: Final = " "


class KNA1(NamedTuple):
    mandt: str
    kunnr: str
    land1: str
    name1: str
    name2: str
    ort01: str
    pstlz: str
    sortl: str
    stras: str
    telf1: str
    xcpdk: str
    adrnr: str
    aufsd: str
    erdat: str
    ernam: str
    ktokd: str
    loevm: str
    sperr: str
    spras: str
    stceg: str
    zzsegment: str | None


class KNB1(NamedTuple):
    mandt: str
    kunnr: str
    bukrs: str
    erdat: str
    ernam: str
    sperr: str
    loevm: str
    akont: str
    zwels: str
    zahls: str
    zterm: str
    altkn: str


class ADRC(NamedTuple):
    client: str
    addrnumber: str
    date_from: str
    nation: str
    name1: str
    city1: str
    post_code1: str
    street: str
    house_num1: str
    country: str
    langu: str
    tel_number: str


class TCURX(NamedTuple):
    currkey: str
    currdec: str


class T005T(NamedTuple):
    mandt: str
    spras: str
    land1: str
    landx: str
    landx50: str


class MAKT(NamedTuple):
    mandt: str
    matnr: str
    spras: str
    maktx: str
    maktg: str


class VBAK(NamedTuple):
    mandt: str
    vbeln: str
    erdat: str
    erzet: str
    ernam: str
    audat: str
    vbtyp: str
    auart: str
    lifsk: str
    faksk: str
    netwr: str
    waerk: str
    vkorg: str
    vtweg: str
    spart: str
    gueen: str
    vdatu: str
    autlf: str
    bstnk: str
    bstdk: str
    kunnr: str
    aedat: str
    bukrs_vf: str


class VBAP(NamedTuple):
    mandt: str
    vbeln: str
    posnr: str
    matnr: str
    arktx: str
    pstyv: str
    lfrel: str
    fkrel: str
    abgru: str
    meins: str
    netwr: str
    waerk: str
    kwmeng: str
    vrkme: str
    werks: str
    erdat: str
    ernam: str
    erzet: str
    netpr: str
    kpein: str
    kmein: str


class VBEP(NamedTuple):
    mandt: str
    vbeln: str
    posnr: str
    etenr: str
    ettyp: str
    lfrel: str
    edatu: str
    ezeit: str
    wmeng: str
    bmeng: str
    vrkme: str
    wadat: str
    lifsp: str


Row = KNA1 | KNB1 | ADRC | TCURX | T005T | MAKT | VBAK | VBAP | VBEP
