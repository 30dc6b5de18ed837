-- Tables of SAP ECC 6.0 as SAP makes them on a database: names, keys, types, lengths and initial values are those of its data
-- dictionary, the columns a part of them (VBAK alone has some 160). Good for PostgreSQL and MariaDB.
--
-- CHAR, CLNT, LANG, CUKY and UNIT are VARCHAR, whose initial value is one blank; NUMC is digits, DATS YYYYMMDD, TIMS HHMMSS, all of
-- them text whose initial value is zeros. Nothing is NULL but what a customer appended to a table that had rows already.
-- CURR always has two decimals, whatever the currency has: TCURX says by how many places the point has to move.

-- Customer: what is common to all company codes
CREATE TABLE kna1 (
    mandt VARCHAR(3) NOT NULL DEFAULT '000',
    kunnr VARCHAR(10) NOT NULL DEFAULT ' ',
    land1 VARCHAR(3) NOT NULL DEFAULT ' ',
    name1 VARCHAR(35) NOT NULL DEFAULT ' ',
    name2 VARCHAR(35) NOT NULL DEFAULT ' ',
    ort01 VARCHAR(35) NOT NULL DEFAULT ' ',
    pstlz VARCHAR(10) NOT NULL DEFAULT ' ',
    regio VARCHAR(3) NOT NULL DEFAULT ' ',
    sortl VARCHAR(10) NOT NULL DEFAULT ' ',
    stras VARCHAR(35) NOT NULL DEFAULT ' ',
    telf1 VARCHAR(16) NOT NULL DEFAULT ' ',
    xcpdk VARCHAR(1) NOT NULL DEFAULT ' ',
    adrnr VARCHAR(10) NOT NULL DEFAULT ' ',
    anred VARCHAR(15) NOT NULL DEFAULT ' ',
    aufsd VARCHAR(2) NOT NULL DEFAULT ' ',
    brsch VARCHAR(4) NOT NULL DEFAULT ' ',
    erdat VARCHAR(8) NOT NULL DEFAULT '00000000',
    ernam VARCHAR(12) NOT NULL DEFAULT ' ',
    faksd VARCHAR(2) NOT NULL DEFAULT ' ',
    ktokd VARCHAR(4) NOT NULL DEFAULT ' ',
    kukla VARCHAR(2) NOT NULL DEFAULT ' ',
    lifsd VARCHAR(2) NOT NULL DEFAULT ' ',
    loevm VARCHAR(1) NOT NULL DEFAULT ' ',
    sperr VARCHAR(1) NOT NULL DEFAULT ' ',
    spras VARCHAR(1) NOT NULL DEFAULT ' ',
    stceg VARCHAR(20) NOT NULL DEFAULT ' ',
    zzsegment VARCHAR(4),
    PRIMARY KEY (mandt, kunnr)
);

-- Customer: what a company code knows of it
CREATE TABLE knb1 (
    mandt VARCHAR(3) NOT NULL DEFAULT '000',
    kunnr VARCHAR(10) NOT NULL DEFAULT ' ',
    bukrs VARCHAR(4) NOT NULL DEFAULT ' ',
    pernr VARCHAR(8) NOT NULL DEFAULT '00000000',
    erdat VARCHAR(8) NOT NULL DEFAULT '00000000',
    ernam VARCHAR(12) NOT NULL DEFAULT ' ',
    sperr VARCHAR(1) NOT NULL DEFAULT ' ',
    loevm VARCHAR(1) NOT NULL DEFAULT ' ',
    zuawa VARCHAR(3) NOT NULL DEFAULT ' ',
    busab VARCHAR(2) NOT NULL DEFAULT ' ',
    akont VARCHAR(10) NOT NULL DEFAULT ' ',
    zwels VARCHAR(10) NOT NULL DEFAULT ' ',
    zahls VARCHAR(1) NOT NULL DEFAULT ' ',
    zterm VARCHAR(4) NOT NULL DEFAULT ' ',
    altkn VARCHAR(10) NOT NULL DEFAULT ' ',
    PRIMARY KEY (mandt, kunnr, bukrs)
);

-- Addresses of everything that has one. NATION is blank for the one in the language of the country
CREATE TABLE adrc (
    client VARCHAR(3) NOT NULL DEFAULT '000',
    addrnumber VARCHAR(10) NOT NULL DEFAULT ' ',
    date_from VARCHAR(8) NOT NULL DEFAULT '00010101',
    nation VARCHAR(1) NOT NULL DEFAULT ' ',
    date_to VARCHAR(8) NOT NULL DEFAULT '99991231',
    title VARCHAR(4) NOT NULL DEFAULT ' ',
    name1 VARCHAR(40) NOT NULL DEFAULT ' ',
    name2 VARCHAR(40) NOT NULL DEFAULT ' ',
    city1 VARCHAR(40) NOT NULL DEFAULT ' ',
    post_code1 VARCHAR(10) NOT NULL DEFAULT ' ',
    po_box VARCHAR(10) NOT NULL DEFAULT ' ',
    street VARCHAR(60) NOT NULL DEFAULT ' ',
    house_num1 VARCHAR(10) NOT NULL DEFAULT ' ',
    country VARCHAR(3) NOT NULL DEFAULT ' ',
    langu VARCHAR(1) NOT NULL DEFAULT ' ',
    region VARCHAR(3) NOT NULL DEFAULT ' ',
    sort1 VARCHAR(20) NOT NULL DEFAULT ' ',
    tel_number VARCHAR(30) NOT NULL DEFAULT ' ',
    time_zone VARCHAR(6) NOT NULL DEFAULT ' ',
    PRIMARY KEY (client, addrnumber, date_from, nation)
);

-- Decimals of the currencies that haven't two; the others aren't in it. The same in all clients
CREATE TABLE tcurx (
    currkey VARCHAR(5) NOT NULL DEFAULT ' ',
    currdec SMALLINT NOT NULL DEFAULT 0,
    PRIMARY KEY (currkey)
);

-- Names of countries by language
CREATE TABLE t005t (
    mandt VARCHAR(3) NOT NULL DEFAULT '000',
    spras VARCHAR(1) NOT NULL DEFAULT ' ',
    land1 VARCHAR(3) NOT NULL DEFAULT ' ',
    landx VARCHAR(15) NOT NULL DEFAULT ' ',
    natio VARCHAR(15) NOT NULL DEFAULT ' ',
    landx50 VARCHAR(50) NOT NULL DEFAULT ' ',
    PRIMARY KEY (mandt, spras, land1)
);

-- Texts of materials by language
CREATE TABLE makt (
    mandt VARCHAR(3) NOT NULL DEFAULT '000',
    matnr VARCHAR(18) NOT NULL DEFAULT ' ',
    spras VARCHAR(1) NOT NULL DEFAULT ' ',
    maktx VARCHAR(40) NOT NULL DEFAULT ' ',
    maktg VARCHAR(40) NOT NULL DEFAULT ' ',
    PRIMARY KEY (mandt, matnr, spras)
);

-- Sales documents: quotations, orders, returns, contracts, by VBTYP
CREATE TABLE vbak (
    mandt VARCHAR(3) NOT NULL DEFAULT '000',
    vbeln VARCHAR(10) NOT NULL DEFAULT ' ',
    erdat VARCHAR(8) NOT NULL DEFAULT '00000000',
    erzet VARCHAR(6) NOT NULL DEFAULT '000000',
    ernam VARCHAR(12) NOT NULL DEFAULT ' ',
    audat VARCHAR(8) NOT NULL DEFAULT '00000000',
    vbtyp VARCHAR(1) NOT NULL DEFAULT ' ',
    auart VARCHAR(4) NOT NULL DEFAULT ' ',
    augru VARCHAR(3) NOT NULL DEFAULT ' ',
    lifsk VARCHAR(2) NOT NULL DEFAULT ' ',
    faksk VARCHAR(2) NOT NULL DEFAULT ' ',
    netwr DECIMAL(15,2) NOT NULL DEFAULT 0,
    waerk VARCHAR(5) NOT NULL DEFAULT ' ',
    vkorg VARCHAR(4) NOT NULL DEFAULT ' ',
    vtweg VARCHAR(2) NOT NULL DEFAULT ' ',
    spart VARCHAR(2) NOT NULL DEFAULT ' ',
    gueen VARCHAR(8) NOT NULL DEFAULT '00000000',
    vdatu VARCHAR(8) NOT NULL DEFAULT '00000000',
    autlf VARCHAR(1) NOT NULL DEFAULT ' ',
    vsbed VARCHAR(2) NOT NULL DEFAULT ' ',
    bstnk VARCHAR(20) NOT NULL DEFAULT ' ',
    bstdk VARCHAR(8) NOT NULL DEFAULT '00000000',
    ihrez VARCHAR(12) NOT NULL DEFAULT ' ',
    kunnr VARCHAR(10) NOT NULL DEFAULT ' ',
    aedat VARCHAR(8) NOT NULL DEFAULT '00000000',
    bukrs_vf VARCHAR(4) NOT NULL DEFAULT ' ',
    PRIMARY KEY (mandt, vbeln)
);

-- Items of sales documents
CREATE TABLE vbap (
    mandt VARCHAR(3) NOT NULL DEFAULT '000',
    vbeln VARCHAR(10) NOT NULL DEFAULT ' ',
    posnr VARCHAR(6) NOT NULL DEFAULT '000000',
    matnr VARCHAR(18) NOT NULL DEFAULT ' ',
    charg VARCHAR(10) NOT NULL DEFAULT ' ',
    matkl VARCHAR(9) NOT NULL DEFAULT ' ',
    arktx VARCHAR(40) NOT NULL DEFAULT ' ',
    pstyv VARCHAR(4) NOT NULL DEFAULT ' ',
    lfrel VARCHAR(1) NOT NULL DEFAULT ' ',
    fkrel VARCHAR(1) NOT NULL DEFAULT ' ',
    uepos VARCHAR(6) NOT NULL DEFAULT '000000',
    abgru VARCHAR(2) NOT NULL DEFAULT ' ',
    meins VARCHAR(3) NOT NULL DEFAULT ' ',
    netwr DECIMAL(15,2) NOT NULL DEFAULT 0,
    waerk VARCHAR(5) NOT NULL DEFAULT ' ',
    kwmeng DECIMAL(15,3) NOT NULL DEFAULT 0,
    vrkme VARCHAR(3) NOT NULL DEFAULT ' ',
    werks VARCHAR(4) NOT NULL DEFAULT ' ',
    lgort VARCHAR(4) NOT NULL DEFAULT ' ',
    erdat VARCHAR(8) NOT NULL DEFAULT '00000000',
    ernam VARCHAR(12) NOT NULL DEFAULT ' ',
    erzet VARCHAR(6) NOT NULL DEFAULT '000000',
    netpr DECIMAL(11,2) NOT NULL DEFAULT 0,
    kpein DECIMAL(5,0) NOT NULL DEFAULT 0,
    kmein VARCHAR(3) NOT NULL DEFAULT ' ',
    aedat VARCHAR(8) NOT NULL DEFAULT '00000000',
    PRIMARY KEY (mandt, vbeln, posnr)
);

-- Schedule lines of items: what is asked for (WMENG) and what is confirmed (BMENG), by day
CREATE TABLE vbep (
    mandt VARCHAR(3) NOT NULL DEFAULT '000',
    vbeln VARCHAR(10) NOT NULL DEFAULT ' ',
    posnr VARCHAR(6) NOT NULL DEFAULT '000000',
    etenr VARCHAR(4) NOT NULL DEFAULT '0000',
    ettyp VARCHAR(2) NOT NULL DEFAULT ' ',
    lfrel VARCHAR(1) NOT NULL DEFAULT ' ',
    edatu VARCHAR(8) NOT NULL DEFAULT '00000000',
    ezeit VARCHAR(6) NOT NULL DEFAULT '000000',
    wmeng DECIMAL(13,3) NOT NULL DEFAULT 0,
    bmeng DECIMAL(13,3) NOT NULL DEFAULT 0,
    vrkme VARCHAR(3) NOT NULL DEFAULT ' ',
    wadat VARCHAR(8) NOT NULL DEFAULT '00000000',
    lifsp VARCHAR(2) NOT NULL DEFAULT ' ',
    PRIMARY KEY (mandt, vbeln, posnr, etenr)
);
